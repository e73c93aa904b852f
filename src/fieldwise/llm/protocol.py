"""What a model is to fieldwise: messages in, text out, a JSON Schema to constrain it where the backend can.

Prompts put what stays the same first (the document) and what changes last, byte-identical between calls, so that a
backend's prefix cache reads the document once (see `fieldwise.prompting`).
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol, runtime_checkable

from pydantic import Field

from fieldwise.model import Frozen, JsonSchema, OnProgress, Usage, ignore_progress

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length"]


class Message(NamedTuple):
    role: Role
    content: str


class ModelRequest(Frozen):
    """One call. `json_schema` asks for an answer of that form; `purpose` names the call in logs and journals."""

    messages: tuple[Message, ...]
    json_schema: JsonSchema | None = None
    max_output_tokens: int = Field(default=2048, ge=1)
    temperature: float = Field(default=0.0, ge=0.0)
    purpose: str = "answer"


class ModelReply(Frozen):
    """`finish` is "length" where the answer was cut at the token limit: never take such an answer as whole.

    `constrained` says that the backend enforced the schema; the caller validates all the same.
    `dropped_keywords` names the schema keywords that the backend could not enforce.
    """

    text: str
    finish: Finish = "stop"
    usage: Usage = Usage()
    constrained: bool = False
    dropped_keywords: tuple[str, ...] = ()


@runtime_checkable
class Model(Protocol):
    """A backend. `name` is recorded with every run (`embedded:qwen2.5-coder-1.5b`).

    `constrains` says whether `json_schema` is enforced while the answer is written. `context_tokens` is what prompt and
    answer may use together. Raises `ModelError`s only.
    """

    @property
    def name(self) -> str: ...

    @property
    def context_tokens(self) -> int: ...

    @property
    def constrains(self) -> bool: ...

    async def count_tokens(self, text: str) -> int:
        """Count `text`'s tokens, exactly where that is cheap, else estimated from above."""
        ...

    async def generate(self, request: ModelRequest, on_progress: OnProgress = ignore_progress) -> ModelReply:
        """Answer once. Cancelling the awaiting task stops the work (between tokens, where the backend is ours)."""
        ...

    async def aclose(self) -> None:
        """Give back what the model holds; a later call may take it up again."""
        ...
