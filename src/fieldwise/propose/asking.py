"""Asking until the answer is usable: at most so many answers, each one read, each error told to the model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import Field, ValidationError

from fieldwise.errors import ModelAnswerInvalid
from fieldwise.llm import Message, Model, ModelRequest
from fieldwise.model import Frozen, JsonSchema, OnProgress, Progress, Usage

from .reading import Unreadable

T = TypeVar("T")

_QUOTED_CHARACTERS = 4_000
_CUT_ANSWER_CHARACTERS = 600
# Asked the same again, a model at temperature 0 answers the same again.
_TEMPERATURES = (0.0, 0.2, 0.5)


class Attempt(Frozen):
    """One answer of the model, counted from 1. `error` says what was wrong with it, None where nothing was."""

    number: int = Field(ge=1)
    text: str
    error: str | None = None
    usage: Usage = Usage()


OnAttempt = Callable[[Attempt], Awaitable[None]]


class Asking:
    """Asks one question, again where the answer is not usable. `attempts` is how many answers are read in all."""

    def __init__(
        self,
        model: Model,
        *,
        attempts: int,
        max_output_tokens: int,
        purpose: str,
        on_progress: OnProgress,
        on_attempt: OnAttempt | None,
    ) -> None:
        self._model, self._limit, self._purpose = model, attempts, purpose
        self._max_output_tokens = max_output_tokens
        self._on_progress, self._on_attempt = on_progress, on_attempt
        self._history: list[Message] = []
        self.attempts: list[Attempt] = []

    @property
    def left(self) -> int:
        return self._limit - len(self.attempts)

    @property
    def usage(self) -> Usage:
        return sum((attempt.usage for attempt in self.attempts), Usage())

    def forget(self) -> None:
        """Start the conversation afresh (another way of asking); the attempts made still count."""
        self._history = []

    async def ask(
        self,
        messages: tuple[Message, ...],
        read: Callable[[str], T],
        grammar: JsonSchema | None,
        objection: Callable[[T], str] = lambda value: "",
    ) -> T | None:
        """Ask once. Returns what `read` makes of the answer, or None where it is not usable: then ask again.

        `read` raises Unreadable (or a ValidationError) with words that help the model. Other errors are not the
        model's fault and are not caught: credentials, a lost connection, a bug. `objection` says what is wrong with a
        usable answer, "" where nothing is; the next question tells the model, if there is one.
        """
        number = len(self.attempts) + 1
        again = f" (attempt {number} of {self._limit})" if number > 1 else ""
        self._on_progress(Progress(stage="propose", message=f"Asking the model: {self._purpose}{again}"))
        request = ModelRequest(
            messages=(*messages, *self._history),
            json_schema=grammar if self._model.constrains else None,
            max_output_tokens=self._max_output_tokens,
            temperature=_TEMPERATURES[min(number, len(_TEMPERATURES)) - 1],
            purpose=self._purpose,
        )
        try:
            reply = await self._model.generate(request, self._on_progress)
        except ModelAnswerInvalid as error:
            await self._record(Attempt(number=number, text="", error=str(error)), shown="")
            return None
        if reply.finish == "length":
            error_text = (
                f"The answer was cut after {self._max_output_tokens} tokens and is not complete. Write a shorter one: "
                "fewer words for each field, no field twice, no spaces for layout."
            )
            attempt = Attempt(number=number, text=reply.text, error=error_text, usage=reply.usage)
            await self._record(attempt, shown=reply.text[:_CUT_ANSWER_CHARACTERS] + " ...")
            # Room to finish, too, within what the model can hold.
            room = self._model.context_tokens - reply.usage.input_tokens
            self._max_output_tokens = max(self._max_output_tokens, min(2 * self._max_output_tokens, room // 2))
            return None
        try:
            value = read(reply.text)
        except (Unreadable, ValidationError) as error:
            attempt = Attempt(number=number, text=reply.text, error=_explain(error), usage=reply.usage)
            await self._record(attempt, shown=reply.text[:_QUOTED_CHARACTERS])
            return None
        attempt = Attempt(number=number, text=reply.text, error=objection(value) or None, usage=reply.usage)
        await self._record(attempt, shown=reply.text)
        return value

    def make_room(self, tokens: int) -> None:
        """Let the next answer have at least `tokens`, as far as the model can hold them beside the question."""
        self._max_output_tokens = max(self._max_output_tokens, min(tokens, self._model.context_tokens // 2))

    def failure(self, what: str) -> ModelAnswerInvalid:
        """The error that says the model did not manage."""
        last = next((a.error for a in reversed(self.attempts) if a.error), "")
        count = len(self.attempts)
        return ModelAnswerInvalid(
            f"The model {self._model.name} {what} in {count} attempt{'s' * (count != 1)}. Last error: {last}",
            next_step="Try again with other words, give a schema of your own (--schema FILE), or name another model.",
            attempts=[attempt.model_dump(mode="json") for attempt in self.attempts],
        )

    async def _record(self, attempt: Attempt, shown: str) -> None:
        self.attempts.append(attempt)
        self._history.append(Message("assistant", shown))
        if attempt.error:
            self._history.append(Message("user", _again(attempt.error)))
        if self._on_attempt is not None:
            await self._on_attempt(attempt)


def _again(error: str) -> str:
    return f"That cannot be used: {error}\nAnswer again, the whole answer, with this mended."


def _explain(error: Unreadable | ValidationError) -> str:
    if isinstance(error, Unreadable):
        return str(error)
    faults = error.errors(include_url=False, include_context=False)
    told = "; ".join(f"{'.'.join(str(at) for at in fault['loc'])}: {fault['msg']}" for fault in faults[:3])
    return told + (f" (and {len(faults) - 3} more)" if len(faults) > 3 else "")
