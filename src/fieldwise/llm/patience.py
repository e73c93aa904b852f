"""PatientModel: waits while a model has no room for a call, and asks it the same again.

The one place where a busy model is waited for: a call that was refused has cost nothing, while a stage done again pays
for every call before it once more.
"""

from __future__ import annotations

import asyncio
import random
from typing import NamedTuple

from fieldwise.errors import ModelOverloaded
from fieldwise.model import OnProgress, Progress, ignore_progress

from .protocol import Model, ModelReply, ModelRequest


class Patience(NamedTuple):
    """How often a call is made in all, and how long the first and the longest pause between two are."""

    attempts: int = 4
    first_seconds: float = 1.0
    most_seconds: float = 30.0

    def pause(self, refusals: int, wished: object = None) -> float:
        """Return the seconds to wait after so many refusals: what the backend wished for, else twice as long each time.

        Nobody waits longer than `most_seconds`. Jitter parts callers that were refused together.
        """
        if isinstance(wished, int | float) and wished >= 0:
            return min(self.most_seconds, float(wished))
        jitter = random.uniform(0.75, 1.25)  # noqa: S311  # spreads calls, keeps no secret
        return min(self.most_seconds, self.first_seconds * 2.0 ** (refusals - 1) * jitter)


class PatientModel:
    """Wraps a model. ModelOverloaded comes through only after all waiting, with `fields["waited_seconds"]`."""

    def __init__(self, model: Model, patience: Patience = Patience()) -> None:  # noqa: B008  # immutable
        self._model = model
        self._patience = patience

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def context_tokens(self) -> int:
        return self._model.context_tokens

    @property
    def constrains(self) -> bool:
        return self._model.constrains

    async def count_tokens(self, text: str) -> int:
        return await self._model.count_tokens(text)

    async def generate(self, request: ModelRequest, on_progress: OnProgress = ignore_progress) -> ModelReply:
        """As the model's own; each pause is told. Cancelling ends the waiting at once."""
        waited = 0.0
        refusals = 0
        while True:
            try:
                return await self._model.generate(request, on_progress)
            except ModelOverloaded as error:
                refusals += 1
                if refusals >= self._patience.attempts:
                    error.fields["waited_seconds"] = round(waited, 3)
                    raise
                pause = self._patience.pause(refusals, error.fields.get("retry_after_seconds"))
            left = f"call {refusals + 1} of at most {self._patience.attempts}"
            on_progress(Progress(stage="model", message=f"The model is busy: {left} in {pause:.0f} s"))
            await asyncio.sleep(pause)
            waited += pause

    async def aclose(self) -> None:
        await self._model.aclose()
