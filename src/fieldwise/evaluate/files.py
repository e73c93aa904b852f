"""Predictions and gold as they lie in files: single ones, JSONL, or folders whose files are matched by name.

A prediction is fieldwise's result JSON, ExtractBench's form, or the plain data. Gold is plain data, or
`{"data", "citations", "skip"}`: the citations say where each value stands, and what lies at the pointers of `skip` is
not scored. A file is its document's name: `scan.gold.json`, `scan.pdf.json` and `scan.json` all belong to `scan`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fieldwise.errors import InputError
from fieldwise.model import JsonSchema, Usage

from .cases import Case, Evidence, Gold, Prediction
from .extractbench import citations_from_extractbench

_LINES = (".jsonl", ".ndjson")
_ADDED = (".gold", ".pred", ".prediction", ".result", ".expected")
_SUFFIXES = (
    ".pdf .png .jpg .jpeg .tif .tiff .webp .bmp .gif .docx .doc .pptx .xlsx .xls .csv .txt .md .html .htm .xml "
    ".eml .msg"
)
_DOCUMENTS = tuple(_SUFFIXES.split())
_NAMES = ("file", "document", "name", "id")
_GOLD_SKIPPED = ("skip", "not_printed", "absent_in_xml")
_ENVELOPE_KEYS = (
    "run_id agent_id document_id schema_version status data citations confidence issues usage file document "
    "name id pages groups error skip day_first decimal_mark"
)
_ENVELOPE = frozenset(_ENVELOPE_KEYS.split())
_FAILED_PARTS = frozenset(("part_failed", "truncated", "not_read"))
_UNFOUND = frozenset(("ungrounded", "not_verbatim", "none"))


class Entry(NamedTuple):
    """One document's JSON. `value` is not set where the text is none; `error` says what is wrong with it."""

    name: str
    value: Any = None
    error: str = ""
    group: str = ""
    source: str = ""


class Matched(NamedTuple):
    """The cases, and the names of predictions for which there is no gold: they are not scored."""

    cases: tuple[Case, ...]
    without_gold: tuple[str, ...]


def load_cases(predictions: Path, gold: Path, schema: JsonSchema | None, documents: Path | None = None) -> Matched:
    """Pair predictions with gold, by name, or two single files whatever their names.

    A gold without a prediction is a case that failed. `documents` is a folder with the documents themselves. Raises
    InputError for what cannot be read, for gold that is no JSON, and where no name fits.
    """
    ours, theirs = list(_entries(gold, "gold")), list(_entries(predictions, "prediction"))
    for entry in ours:
        if entry.error:
            raise InputError(f"The gold in {entry.source} cannot be used: {entry.error}.", next_step="Mend the file.")
    if not ours:
        raise InputError(f"There is no gold in {gold}.", next_step="Gold is JSON: a .json or .jsonl file, or a folder.")
    if len(ours) == len(theirs) == 1:
        theirs = [theirs[0]._replace(name=ours[0].name)]
    by_name = _by_name(theirs)
    pairs = [(entry, _found(entry.name, by_name)) for entry in ours]
    if theirs and not any(found for _, found in pairs):
        raise InputError(
            f"No prediction has the name of a gold: {theirs[0].name!r} ... and {ours[0].name!r} ...",
            next_step='Name both files after the document, or give each JSONL line the document\'s name as "file".',
        )
    files = _documents(documents) if documents is not None else {}
    cases = [_case(entry, found, schema, files) for entry, found in pairs]
    used = {found.name for _, found in pairs if found is not None}
    return Matched(tuple(cases), tuple(entry.name for entry in theirs if entry.name not in used))


def read_prediction(value: Any, error: str = "") -> Prediction:
    """Read one prediction in any of the forms. What is no JSON object is a failed one, with the reason."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return Prediction(error=error or "the output is no JSON object")
    if isinstance(value.get("extracted_data"), dict):
        return Prediction(
            data=value["extracted_data"],
            cites="field_citations" in value,
            evidence=citations_from_extractbench(value.get("field_citations")),
            confidence=_confidences_of_list(value.get("field_citations")),
        )
    if value.get("error") and not isinstance(value.get("data"), dict) and set(value) <= _ENVELOPE:
        return Prediction(error=_said(value["error"]))
    if not _is_envelope(value):
        return Prediction(data=value)
    issues = [i for i in _list(value.get("issues")) if isinstance(i, dict)]
    status = value.get("status")
    return Prediction(
        data=value["data"],
        status=status if isinstance(status, str) else None,
        cites="citations" in value,
        evidence=_citations(value.get("citations")),
        unfound=frozenset(str(i.get("path", "")) for i in issues if i.get("code") in _UNFOUND),
        confidence=_confidences(value.get("confidence")),
        failed_parts=sum(i.get("code") in _FAILED_PARTS for i in issues),
        usage=_usage(value.get("usage")),
    )


def read_gold(value: Any) -> Gold | None:
    """Read one gold in any of its forms; None where there is no JSON object."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return None
    inner = next((k for k in ("gold", "data") if isinstance(value.get(k), dict)), None)
    told = inner == "gold" and bool(set(value) & set(_GOLD_SKIPPED))
    if inner is None or not (told or (inner == "data" and _is_envelope(value))):
        return Gold(data=value)
    skip = frozenset(str(p) for key in _GOLD_SKIPPED for p in _list(value.get(key)))
    return Gold(data=value[inner], evidence=_citations(value.get("citations")), skip=skip)


def document_name(file: str) -> str:
    """Return a document's name from that of any file about it, without folders and what was added."""
    name = file.replace("\\", "/").rsplit("/", 1)[-1]
    for suffix in (*_LINES, ".json"):
        name = name.removesuffix(suffix)
    for suffix in _ADDED:
        name = name.removesuffix(suffix)
    for suffix in _DOCUMENTS:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


def _case(entry: Entry, found: Entry | None, schema: JsonSchema | None, files: Mapping[str, Path]) -> Case:
    gold = read_gold(entry.value)
    if gold is None:
        raise InputError(f"The gold in {entry.source} is no JSON object.", next_step="Gold is an object of fields.")
    prediction = read_prediction(found.value, found.error) if found else Prediction(error="there is no prediction")
    told = entry.value if isinstance(entry.value, dict) and _is_envelope(entry.value) else {}
    given = found.value if found and isinstance(found.value, dict) and _is_envelope(found.value) else {}
    groups = found_groups if isinstance(found_groups := told.get("groups"), dict) else {}
    pages = told.get("pages") or given.get("pages")
    document = files.get(document_name(entry.name)) or next(
        (Path(v) for k in ("file", "document") if isinstance(v := given.get(k), str) and Path(v).is_file()), None
    )
    return Case(
        name=entry.name,
        gold=gold,
        prediction=prediction,
        schema=schema,
        groups=({"folder": entry.group} if entry.group else {}) | {str(k): str(v) for k, v in groups.items()},
        pages=pages if isinstance(pages, int) and pages > 0 else None,
        day_first=told.get("day_first") if isinstance(told.get("day_first"), bool) else None,
        decimal_mark=told.get("decimal_mark") if told.get("decimal_mark") in (".", ",") else None,
        document=str(document) if document is not None else None,
    )


def _entries(path: Path, what: str) -> Iterator[Entry]:
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in (".json", *_LINES) and p.is_file())
        for file in files:
            folder = file.parent.relative_to(path).as_posix()
            for entry in _entries(file, what):
                group = "" if folder == "." else folder
                yield entry._replace(name=f"{group}/{entry.name}" if group else entry.name, group=group)
        return
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        yield Entry(document_name(path.name), error="not UTF-8 text", source=str(path))
        return
    except OSError as error:
        raise InputError(
            f"The {what} could not be read from {path}: {error.strerror}.", next_step="Check the path.", path=str(path)
        ) from None
    if path.suffix.lower() in _LINES:
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                value, wrong = _parsed(line)
                yield _line(value, wrong, f"{path}, line {number}", f"{document_name(path.name)}:{number}")
        return
    value, wrong = _parsed(text)
    if isinstance(value, list) and len(value) > 1 and all(isinstance(v, dict) for v in value):
        for number, item in enumerate(value, start=1):
            yield _line(item, "", f"{path}, item {number}", f"{document_name(path.name)}:{number}")
        return
    yield Entry(document_name(path.name), value, wrong, source=str(path))


def _line(value: Any, error: str, source: str, fallback: str) -> Entry:
    if isinstance(value, dict) and (
        _is_envelope(value) or value.get("error") or "gold" in value or "extracted_data" in value
    ):
        told = next((value[k] for k in _NAMES if isinstance(value.get(k), str)), None)
        return Entry(document_name(told) if told else fallback, value, error, source=source)
    told = value.get("file") if isinstance(value, dict) else None
    if isinstance(value, dict) and isinstance(told, str):
        # Plain data with the name beside it: the name is not a field.
        return Entry(document_name(told), {k: v for k, v in value.items() if k != "file"}, error, source=source)
    return Entry(fallback, value, error, source=source)


def _parsed(text: str) -> tuple[Any, str]:
    try:
        return json.loads(text), ""
    except ValueError as error:
        return None, f"not JSON: {error}"
    except RecursionError:
        return None, "nested too deeply"


def _by_name(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.name, []).append(entry)
    for name, held in found.items():
        if len(held) > 1:
            raise InputError(
                f"There are {len(held)} predictions named {name!r}: {held[0].source} and {held[1].source}.",
                next_step="Keep one, or put them in folders as the gold's.",
            )
    for entry in list(entries):
        short = entry.name.rsplit("/", 1)[-1]
        if short != entry.name:
            found.setdefault(short, []).append(entry)
    return found


def _found(name: str, by_name: Mapping[str, list[Entry]]) -> Entry | None:
    for key in (name, name.rsplit("/", 1)[-1], name.rsplit(":", 1)[-1]):
        held = by_name.get(key, [])
        if len(held) == 1:
            return held[0]
    # JSONL lines without names belong together by their number.
    numbered = [e[0] for key, e in by_name.items() if ":" in key and key.rsplit(":", 1)[-1] == name.rsplit(":", 1)[-1]]
    return numbered[0] if ":" in name and len(numbered) == 1 else None


def _documents(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}.", next_step="Name the folder that holds the documents.")
    files = (p for p in sorted(folder.rglob("*")) if p.suffix.lower() in _DOCUMENTS and p.is_file())
    return {document_name(p.name): p for p in files}


def _is_envelope(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("data"), dict) and set(value) <= _ENVELOPE


def _citations(value: Any) -> dict[str, tuple[Evidence, ...]]:
    if not isinstance(value, dict):
        return {}
    found = {str(path): tuple(filter(None, map(_evidence, _list(held)))) for path, held in value.items()}
    return {path: held for path, held in found.items() if held}


def _evidence(value: Any) -> Evidence | None:
    if not isinstance(value, dict) or value.get("match") == "none":
        return None
    page, boxes = value.get("page"), _list(value.get("boxes"))
    if not isinstance(page, int) or isinstance(page, bool) or page < 1:
        return None
    good = [tuple(map(float, b)) for b in boxes if isinstance(b, list) and len(b) == 4 and all(map(_is_number, b))]
    return Evidence(page=page, boxes=tuple(good), quote=str(value.get("quote") or ""))  # type: ignore[arg-type]  # four numbers each, by the test


def _confidences(value: Any) -> dict[str, float]:
    return {str(k): float(v) for k, v in value.items() if _is_number(v)} if isinstance(value, dict) else {}


def _confidences_of_list(value: Any) -> dict[str, float]:
    from .extractbench import pointer_from

    cited = [c for c in _list(value) if isinstance(c, dict) and _is_number(c.get("confidence"))]
    return {pointer_from(str(c.get("field_path", ""))): float(c["confidence"]) for c in cited}


def _usage(value: Any) -> Usage | None:
    if not isinstance(value, dict):
        return None
    known = {k: v for k, v in value.items() if k in Usage.model_fields and _is_number(v)}
    return Usage(**known) if known else None


def _said(error: Any) -> str:
    return str(error.get("message", error)) if isinstance(error, dict) else str(error)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
