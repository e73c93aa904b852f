"""Ask a model for one part of the schema, until there is an answer or it is known what is missing.

A truncated answer is never asked for again as it was: fields are split in halves, a list is read in smaller windows. A
malformed or invalid one is asked for again with the error. What still fails is an issue, and the rest is kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fieldwise.errors import CredentialsMissing, MissingExtra, ModelAnswerInvalid, ModelCancelled, ModelError
from fieldwise.llm import Model, ModelRequest
from fieldwise.model import Issue, JsonSchema, OnProgress, Usage
from fieldwise.model.schema import escape, unescape
from fieldwise.prompting import document_messages

from .answers import read_answer
from .prompts import extraction_task, retry_note
from .shape import Path, asked, at, is_record_list, kind_of, properties, subset
from .values import MISSING, Finding, Habits, Values
from .views import Reading, View

FATAL = (MissingExtra, CredentialsMissing, ModelCancelled)
"""The next part would fail the same way, or the person wants none."""

_DEEPEST_SPLIT = 6
_QUOTED_CHARACTERS = 4_000


class Answer(NamedTuple):
    """What came back for a part: `data` holds its fields; `raw` the printed text of values that were converted.

    `lost` says that something is known to be missing.
    """

    data: dict[str, Any]
    raw: dict[str, str]
    issues: tuple[Issue, ...] = ()
    lost: bool = False


class Asker:
    """Asks for parts of one schema about one document, adding up what it costs."""

    def __init__(
        self,
        model: Model,
        schema: JsonSchema,
        reading: Reading,
        habits: Habits,
        *,
        prompt: str,
        attempts: int,
        max_output_tokens: int,
        on_progress: OnProgress,
    ) -> None:
        self._model = model
        self._schema = schema
        self._reading = reading
        self._habits = habits
        self._prompt = prompt
        self._attempts = attempts
        self._max_output_tokens = max_output_tokens
        self._on_progress = on_progress
        self.usage = Usage()
        self._answered = 0
        self._used = 0
        self._last_error: ModelError | None = None
        self._refused: list[dict[str, str]] = []

    def failure(self, *, others: bool) -> ModelError | None:
        """Return why nothing came of all the questions, or None where something did.

        `others` says that fields were found without a question: they are worth keeping beside answers that could not
        be used, which would be the same the next time, but not beside a model that could not be asked at all.
        """
        if self._used or (self._answered and others):
            return None
        if self._last_error is not None:
            return self._last_error
        count = self._answered
        return ModelAnswerInvalid(
            f"The model {self._model.name} gave no answer that could be used, {count} time{'s' * (count != 1)} in all. "
            f"Last error: {self._refused[-1]['error'] or 'the answer was cut off'}.",
            next_step="The approved schema is kept: continue the run later, or with another model.",
            attempts=self._refused,
        )

    async def ask(self, paths: tuple[Path, ...], view: View, depth: int = 0) -> Answer:
        """Return the values of `paths` as `view` gives them. Raises only errors that no other part would escape."""
        so_far = Answer({}, {})
        findings: list[Finding] = []
        pending, problems = paths, list[str]()
        why = ""
        for attempt in range(self._attempts + 1):
            part = subset(self._schema, pending)
            try:
                text, finished = await self._generate(part, view, problems)
            except FATAL:
                raise
            except ModelError as error:
                self._last_error = error
                why = f"the model failed: {error}"
                break
            read = read_answer(text)
            if read.value or (finished and read.value is not None and not read.cut):
                self._used += 1
            else:
                self._refused.append({"text": text[:_QUOTED_CHARACTERS], "error": read.error})
            if not finished:
                smaller = await self._rest(pending, view, depth, read.value or {})
                smaller = smaller or await self._smaller(pending, view, depth) or self._cut(part, pending, read.value)
                return _with(so_far, smaller, [f for f in findings if not _under(f.path, pending)])
            if read.value is None or (read.cut and attempt < self._attempts):
                problems = [read.error]
                why = f"no usable answer in {attempt + 1} attempts ({read.error})"
                continue
            self._reading.mark_read(view)
            if read.cut:
                return _with(so_far, self._cut(part, pending, read.value), findings)
            values = Values(self._schema, self._habits)
            data = values.read(read.value, part)
            so_far = _with(so_far, Answer({} if data is MISSING else data, values.raw), [])
            # What was refused before and is not given now stays on record with what the model said then.
            said = {f.path for f in values.findings if f.code == "invalid"}
            kept = [f for f in findings if not _under(f.path, pending) or _lookup(so_far.data, f.path) is None]
            kept = [f for f in kept if f.path not in said]
            findings = kept + [f for f in values.findings if f.path not in {k.path for k in kept}]
            refused = [f for f in values.findings if f.code == "invalid"]
            pending = tuple(p for p in pending if any(_under(f.path, (p,)) for f in refused))
            if not pending:
                break
            problems = [f"{f.path}: {str(f.raw)[:80]!r}: {f.message}" for f in refused]
        if not so_far.data:
            return self._failed(paths, why)
        return _with(so_far, Answer({}, {}), findings)

    async def _generate(self, part: JsonSchema, view: View, problems: list[str]) -> tuple[str, bool]:
        task = extraction_task(part, self._prompt, constrained=self._model.constrains)
        if problems:
            task = f"{task}\n\n{retry_note(problems)}"
        request = ModelRequest(
            messages=document_messages(view.text, task),
            json_schema=asked(part, part),
            max_output_tokens=self._max_output_tokens,
            purpose="extract",
        )
        reply = await self._model.generate(request, self._on_progress)
        self.usage += reply.usage
        self._answered += 1
        return reply.text, reply.finish == "stop"

    async def _rest(self, paths: tuple[Path, ...], view: View, depth: int, value: dict[str, Any]) -> Answer | None:
        """Keep the fields that were answered before the cut, and ask for the others; None if there are none to keep.

        The last field that was begun is asked for again: the cut may have gone through it.
        """
        begun = [path for path in paths if _has(value, path)][:-1]
        if not begun or depth >= _DEEPEST_SPLIT:
            return None
        values = Values(self._schema, self._habits)
        data = values.read(value, subset(self._schema, begun))
        refused = {f.path for f in values.findings if f.code == "invalid"}
        kept = tuple(path for path in begun if not any(_under(place, (path,)) for place in refused))
        if not kept or data is MISSING:
            return None
        if len(kept) < len(begun):
            values = Values(self._schema, self._habits)
            data = values.read(value, subset(self._schema, kept))
        self._reading.mark_read(view)
        first = _with(Answer(data, values.raw), Answer({}, {}), values.findings)
        return joined([first, await self.ask(tuple(p for p in paths if p not in kept), view, depth + 1)])

    async def _smaller(self, paths: tuple[Path, ...], view: View, depth: int) -> Answer | None:
        """Ask for the part in halves; None where it cannot be halved any more."""
        if depth >= _DEEPEST_SPLIT:
            return None
        if len(paths) == 1:
            node = at(self._schema, paths[0])
            if kind_of(node) == "array":
                return await self._in_windows(paths, view, depth)
            paths = tuple((*paths[0], name) for name in properties(node))
        if len(paths) < 2:
            return None
        lists = tuple(p for p in paths if is_record_list(at(self._schema, p), self._schema))
        middle = len(paths) // 2
        halves = (
            (tuple(p for p in paths if p not in lists), lists)
            if lists and len(lists) < len(paths)
            else (paths[:middle], paths[middle:])
        )
        return joined([await self.ask(half, view, depth + 1) for half in halves])

    async def _in_windows(self, paths: tuple[Path, ...], view: View, depth: int) -> Answer | None:
        halves = await self._reading.halves(view)
        if halves is None:
            return None
        answers = [await self.ask(paths, half, depth + 1) for half in halves]
        return chained(answers, paths[0])

    def _cut(self, part: JsonSchema, paths: tuple[Path, ...], value: dict[str, Any] | None) -> Answer:
        """Keep what is whole of an answer that ended too early."""
        values = Values(self._schema, self._habits)
        data = values.read(value or {}, part)
        message = "the model's answer was cut off at its longest and could not be asked for in smaller parts"
        issues = tuple(Issue(path=pointer(path), code="truncated", message=message) for path in paths)
        return Answer({} if data is MISSING else data, values.raw, issues, lost=True)

    def _failed(self, paths: tuple[Path, ...], why: str) -> Answer:
        values = Values(self._schema, self._habits)
        data = values.read({}, subset(self._schema, paths))
        issues = tuple(Issue(path=pointer(path), code="part_failed", message=f"not extracted: {why}") for path in paths)
        return Answer({} if data is MISSING else data, {}, issues, lost=True)


def pointer(path: Path) -> str:
    return "".join(f"/{escape(name)}" for name in path)


def joined(answers: list[Answer]) -> Answer:
    """Lay the answers to different fields together."""
    data: dict[str, Any] = {}
    raw: dict[str, str] = {}
    for answer in answers:
        data = merged(data, answer.data)
        raw |= answer.raw
    issues = tuple(issue for answer in answers for issue in answer.issues)
    return Answer(data, raw, issues, any(answer.lost for answer in answers))


def merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return both objects in one; objects within are merged, anything else of `more` wins."""
    result = dict(base)
    for key, value in more.items():
        mine = result.get(key)
        result[key] = merged(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return result


def chained(answers: list[Answer], path: Path) -> Answer:
    """Put the lists that consecutive windows gave for one field behind each other."""
    items: list[Any] = []
    raw: dict[str, str] = {}
    issues: list[Issue] = []
    base = pointer(path)
    for answer in answers:
        shift = len(items)
        items += value_at(answer.data, path) or []
        raw |= {_shifted(place, base, shift): text for place, text in answer.raw.items()}
        issues += [issue.model_copy(update={"path": _shifted(issue.path, base, shift)}) for issue in answer.issues]
    return Answer(nested(path, items), raw, tuple(issues), any(answer.lost for answer in answers))


def _shifted(place: str, base: str, shift: int) -> str:
    if not shift or not place.startswith(base + "/"):
        return place
    index, slash, rest = place[len(base) + 1 :].partition("/")
    return f"{base}/{int(index) + shift}{slash}{rest}" if index.isdigit() else place


def value_at(data: Any, path: Path) -> Any:
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def nested(path: Path, value: Any) -> dict[str, Any]:
    """Return `value` inside the objects that lead to it."""
    for name in reversed(path):
        value = {name: value}
    return value  # type: ignore[no-any-return]  # a path is never empty


def _with(answer: Answer, more: Answer, findings: list[Finding]) -> Answer:
    """Lay a later answer over an earlier one. Findings become issues, each of something that is known to be missing."""
    both = joined([answer, more])
    lost = both.lost or bool(findings)
    return both._replace(issues=(*both.issues, *map(_issue, findings)), lost=lost)


def _under(place: str, paths: tuple[Path, ...]) -> bool:
    return any(place == pointer(path) or place.startswith(pointer(path) + "/") for path in paths)


def _has(data: Any, path: Path) -> bool:
    for name in path:
        if not isinstance(data, dict) or name not in data:
            return False
        data = data[name]
    return True


def _lookup(data: Any, place: str) -> Any:
    for token in place.split("/")[1:]:
        if isinstance(data, list):
            data = data[int(token)] if token.isdigit() and int(token) < len(data) else None
        else:
            data = data.get(unescape(token)) if isinstance(data, dict) else None
    return data


def _issue(finding: Finding) -> Issue:
    said = f"; the model answered {str(finding.raw)[:200]!r}" if finding.raw is not None else ""
    return Issue(path=finding.path, code=finding.code, message=f"{finding.message}{said}")
