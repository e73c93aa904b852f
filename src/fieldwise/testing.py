"""For tests, ours and yours: a model that answers from a script, one that breaks in the ways that models break, and
what every parser keeps, as tests to subclass."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from fieldwise.errors import ModelError, ModelOverloaded
from fieldwise.llm import Model, ModelReply, ModelRequest
from fieldwise.model import OnProgress, Progress, Usage, ignore_progress
from fieldwise.parse.contract import ParserContract, Sample

__all__ = ["Answer", "Fault", "FaultyModel", "ParserContract", "Sample", "Script", "ScriptedModel"]

Answer = str | dict[str, Any] | list[Any] | ModelReply | ModelError
Script = Sequence[Answer] | Callable[[ModelRequest], Answer]
Fault = Literal["nonsense", "truncated", "malformed", "overloaded", "empty"]


class ScriptedModel:
    """Answers from `script`: one after the other, or whatever a function makes of the request.

    An answer is text, a value that is sent as JSON, a ready `ModelReply`, or a `ModelError` to raise. `requests` keeps
    what was asked. When a list of answers is used up, the next call is an error of the test, and says so.
    """

    def __init__(
        self,
        script: Script,
        *,
        constrains: bool = True,
        context_tokens: int = 32_768,
        delay_seconds: float = 0.0,
        name: str = "scripted",
    ) -> None:
        self._script: Callable[[ModelRequest], Answer] = (
            script if callable(script) else _one_after_the_other(iter(script))
        )
        self.name = name
        self.constrains = constrains
        self.context_tokens = context_tokens
        self.delay_seconds = delay_seconds
        self.requests: list[ModelRequest] = []

    async def count_tokens(self, text: str) -> int:
        return max(1, len(text) // 4)

    async def generate(self, request: ModelRequest, on_progress: OnProgress = ignore_progress) -> ModelReply:
        self.requests.append(request)
        on_progress(Progress(stage="model", message=request.purpose))
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        answer = self._script(request)
        if isinstance(answer, ModelError):
            raise answer
        if isinstance(answer, ModelReply):
            return answer
        text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
        read = sum(await asyncio.gather(*(self.count_tokens(m.content) for m in request.messages)))
        usage = Usage(input_tokens=read, output_tokens=await self.count_tokens(text), calls=1)
        return ModelReply(text=text, usage=usage, constrained=self.constrains and request.json_schema is not None)

    async def aclose(self) -> None:
        return None


def _one_after_the_other(answers: Iterable[Answer]) -> Callable[[ModelRequest], Answer]:
    rest = iter(answers)

    def take(request: ModelRequest) -> Answer:
        try:
            return next(rest)
        except StopIteration:
            raise AssertionError(f"the script has no answer left for {request.purpose!r}") from None

    return take


class FaultyModel:
    """Wraps a model and spoils its answers: each `fault` with its `rate`, by a seeded generator, so runs repeat.

    `truncated` cuts the answer in half and says so (`finish="length"`), `malformed` drops its last character,
    `nonsense` and `empty` replace it, `overloaded` raises `ModelOverloaded`. `faults` counts what was done.
    """

    def __init__(self, model: Model, rates: dict[Fault, float], *, seed: int = 0) -> None:
        self.model = model
        self.rates = dict(rates)
        self.faults: dict[Fault, int] = dict.fromkeys(rates, 0)
        self._random = random.Random(seed)  # noqa: S311  # repeatable on purpose

    @property
    def name(self) -> str:
        return f"faulty:{self.model.name}"

    @property
    def context_tokens(self) -> int:
        return self.model.context_tokens

    @property
    def constrains(self) -> bool:
        return self.model.constrains

    async def count_tokens(self, text: str) -> int:
        return await self.model.count_tokens(text)

    async def generate(self, request: ModelRequest, on_progress: OnProgress = ignore_progress) -> ModelReply:
        fault = self._draw()
        if fault == "overloaded":
            raise ModelOverloaded("The model is busy (a fault put in by a test).", next_step="Try again later.")
        reply = await self.model.generate(request, on_progress)
        match fault:
            case "truncated":
                return reply.model_copy(update={"text": reply.text[: len(reply.text) // 2], "finish": "length"})
            case "malformed":
                return reply.model_copy(update={"text": reply.text[:-1]})
            case "nonsense":
                return reply.model_copy(update={"text": "I am sorry, I cannot see any document."})
            case "empty":
                return reply.model_copy(update={"text": ""})
        return reply

    async def aclose(self) -> None:
        await self.model.aclose()

    def _draw(self) -> Fault | None:
        for fault, rate in self.rates.items():
            if self._random.random() < rate:
                self.faults[fault] += 1
                return fault
        return None
