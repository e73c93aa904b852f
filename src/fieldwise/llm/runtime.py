"""What a runtime is to the embedded model: weights in, one answer at a time out. All that `worker` knows of them.

A runtime lives in a process of its own (see `worker`): native code may hold the interpreter lock for a second, crash,
or keep its memory, and none of that may reach the event loop of whoever asked.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from fieldwise.errors import ModelError, ModelUnavailable

from .protocol import Finish, Message

RuntimeName = Literal["openvino", "xllamacpp"]


class ModelFile(NamedTuple):
    """Weights to run. `gguf` None stands for the default weights, which are assembled when first needed."""

    gguf: Path | None
    cache_dir: Path
    context_tokens: int
    threads: int = 0


class Call(NamedTuple):
    """One question. `json_schema` is the caller's own; the runtime lowers it to what its grammar can hold."""

    messages: tuple[Message, ...]
    json_schema: dict[str, Any] | None
    max_output_tokens: int
    temperature: float

    def defused(self, control_tokens: tuple[str, ...]) -> Call:
        """Return the call with no control token of the model in any message."""
        messages = tuple(Message(m.role, defuse_control_tokens(m.content, control_tokens)) for m in self.messages)
        return self._replace(messages=messages)


class Answer(NamedTuple):
    """`cached_tokens` of the `input_tokens` were not read again. `dropped_keywords` could not be enforced."""

    text: str
    finish: Finish
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    constrained: bool = False
    dropped_keywords: tuple[str, ...] = ()


class Report(Protocol):
    """Tells how far the work is. Raises `Stopped` where nobody waits for it any more."""

    def __call__(self, message: str, done: int | None = None, total: int | None = None, unit: str = "") -> None: ...


class Stopped(Exception):
    """Raised out of a `Report`: unwind, keep the runtime usable, answer nothing."""


class NotRunnable(ModelUnavailable):
    """This runtime cannot run these weights; another may."""


class Runtime(Protocol):
    """Loads on first need. All methods are called from one thread, one after the other.

    `generate` calls `report` between tokens and, while it reads the prompt, at least every 256 tokens.
    """

    @property
    def name(self) -> str: ...

    @property
    def counts_at_once(self) -> bool:
        """Say whether `count` needs nothing loaded first, so that it may be called from within a `report`."""
        ...

    def count(self, text: str, report: Report) -> int:
        """Count the tokens of `text`, special tokens read as plain text."""
        ...

    def generate(self, call: Call, report: Report) -> Answer: ...


RuntimeFactory = Callable[[ModelFile], Runtime]

READING, WRITING = "reading", "writing"


def room_for_answer(input_tokens: int, call: Call, context_tokens: int) -> int:
    """Return how many tokens may be written. Raises ModelError where the prompt leaves no room at all."""
    room = context_tokens - input_tokens
    if room < 1:
        raise ModelError(
            f"The prompt has {input_tokens:,} tokens, more than the model's context of {context_tokens:,} holds.",
            next_step="Show the model less of the document (FIELDWISE_DOCUMENT_TOKENS).",
            input_tokens=input_tokens,
            context_tokens=context_tokens,
        )
    return min(call.max_output_tokens, room)


def defuse_control_tokens(text: str, control_tokens: tuple[str, ...]) -> str:
    """Break up the model's control tokens where they stand in a text.

    A document may hold `<|im_end|>` and would else close its own message and speak as the system.
    """
    for token in control_tokens:
        if token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text
