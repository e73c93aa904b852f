"""The oracle with faults: `oracle+truncated=0.2+dropped=0.05` is a system of its own, with records of its own.

Rates: `truncated` (cut in half), `malformed`, `nonsense`, `empty`, `overloaded` (429, 503), of the calls; `dropped` and
`repeated`, of the records of a list. `cut` is a number of tokens: no answer is longer. The seed is the document's name:
with one seed for all, documents of few calls would all have the same fate.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping
from types import MappingProxyType

from fieldwise.llm import Model, ModelReply, ModelRequest
from fieldwise.model import Document, OnProgress, ignore_progress
from fieldwise.oracle import OracleModel
from fieldwise.testing import Fault, FaultyModel

from .tasks import Task

_CALLS: Mapping[str, Fault] = MappingProxyType(
    {
        "truncated": "truncated",
        "malformed": "malformed",
        "nonsense": "nonsense",
        "empty": "empty",
        "overloaded": "overloaded",
    }
)
_RECORDS = ("dropped", "repeated")
_CUT = "cut"


def system_name(text: str) -> tuple[str, dict[str, float]]:
    """Read SYSTEM or oracle+FAULT=RATE... Raises argparse.ArgumentTypeError."""
    name, *parts = text.split("+")
    faults: dict[str, float] = {}
    for part in parts:
        fault, _, number = part.partition("=")
        known = (*_CALLS, *_RECORDS, _CUT)
        if fault not in known:
            raise argparse.ArgumentTypeError(f"There is no fault {fault!r}; known are {', '.join(known)}.")
        try:
            faults[fault] = float(number)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{part!r} is not FAULT=RATE, such as overloaded=0.2.") from None
    if faults and name != "oracle":
        raise argparse.ArgumentTypeError(f"Faults are the oracle's: {name} has none.")
    return name, faults


def oracle_of(task: Task, document: Document, faults: Mapping[str, float]) -> Model:
    """Return a model that knows the gold of one document, and fails as `faults` says."""
    seed = int.from_bytes(hashlib.sha256(task.name.encode()).digest()[:4])
    model: Model = OracleModel(
        task.gold.data,
        document=document.markdown,
        seed=seed,
        dropping=faults.get("dropped", 0.0),
        repeating=faults.get("repeated", 0.0),
    )
    if _CUT in faults:
        model = ShortAnswers(model, int(faults[_CUT]))
    rates = {_CALLS[name]: rate for name, rate in faults.items() if name in _CALLS}
    return FaultyModel(model, rates, seed=seed) if rates else model


class ShortAnswers:
    """Wraps a model whose answers have at most so many tokens, whatever was asked for."""

    def __init__(self, model: Model, tokens: int) -> None:
        self._model, self._tokens = model, tokens

    @property
    def name(self) -> str:
        return f"short:{self._model.name}"

    @property
    def context_tokens(self) -> int:
        return self._model.context_tokens

    @property
    def constrains(self) -> bool:
        return self._model.constrains

    async def count_tokens(self, text: str) -> int:
        return await self._model.count_tokens(text)

    async def generate(self, request: ModelRequest, on_progress: OnProgress = ignore_progress) -> ModelReply:
        shorter = min(self._tokens, request.max_output_tokens)
        return await self._model.generate(request.model_copy(update={"max_output_tokens": shorter}), on_progress)

    async def aclose(self) -> None:
        await self._model.aclose()
