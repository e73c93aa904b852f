"""Waiting for a busy model: bounded, told, and ended by whoever cancels."""

from __future__ import annotations

import asyncio

import pytest

from fieldwise.errors import ModelOverloaded, ModelUnavailable
from fieldwise.llm import Message, Model, ModelRequest, Patience, PatientModel
from fieldwise.model import Progress
from fieldwise.testing import ScriptedModel

REQUEST = ModelRequest(messages=(Message("user", "Well?"),))


def test_pauses_grow_up_to_the_longest() -> None:
    patience = Patience(first_seconds=1.0, most_seconds=10.0)
    for refusals in range(1, 8):
        wanted = min(10.0, 2.0 ** (refusals - 1))
        assert 0.75 * wanted <= patience.pause(refusals) <= min(10.0, 1.25 * wanted)


@pytest.mark.parametrize(("wished", "seconds"), [(3, 3.0), (0, 0.0), (3_600, 10.0)])
def test_a_backend_s_wish_is_kept_but_nobody_waits_for_ever(wished: int, seconds: float) -> None:
    assert Patience(most_seconds=10.0).pause(1, wished) == seconds


async def test_a_patient_model_is_a_model_that_asks_the_same_again() -> None:
    inner = ScriptedModel([ModelOverloaded("Busy.", retry_after_seconds=0), "well"])
    model: Model = PatientModel(inner)
    seen: list[Progress] = []
    assert isinstance(model, Model)
    assert (await model.generate(REQUEST, seen.append)).text == "well"
    assert inner.requests == [REQUEST, REQUEST]
    assert [p.message for p in seen if "busy" in p.message] == ["The model is busy: call 2 of at most 4 in 0 s"]


async def test_other_errors_are_not_waited_for() -> None:
    inner = ScriptedModel([ModelUnavailable("gone"), "well"])
    with pytest.raises(ModelUnavailable):
        await PatientModel(inner).generate(REQUEST)
    assert len(inner.requests) == 1


async def test_cancelling_ends_the_waiting_at_once() -> None:
    inner = ScriptedModel(lambda request: ModelOverloaded("Busy.", retry_after_seconds=600))
    told = asyncio.Event()
    model = PatientModel(inner, Patience(most_seconds=600.0))
    asking = asyncio.create_task(model.generate(REQUEST, lambda p: told.set() if "busy" in p.message else None))
    await told.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert len(inner.requests) == 1
