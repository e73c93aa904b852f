"""The models for tests, ours and our users': what is scripted comes, what shall break breaks, repeatably."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fieldwise.errors import CredentialsMissing, ModelOverloaded
from fieldwise.llm import Message, Model, ModelReply, ModelRequest
from fieldwise.testing import FaultyModel, ScriptedModel


def request(purpose: str = "propose", schema: dict[str, Any] | None = None) -> ModelRequest:
    return ModelRequest(messages=(Message("user", "What is it?"),), purpose=purpose, json_schema=schema)


async def test_answers_come_one_after_the_other() -> None:
    ready = ModelReply(text="ready", finish="length")
    model = ScriptedModel(["text", {"a": "é"}, [1], ready, CredentialsMissing("No key.")])
    assert (await model.generate(request())).text == "text"
    assert json.loads((await model.generate(request())).text) == {"a": "é"}
    assert (await model.generate(request())).text == "[1]"
    assert await model.generate(request()) == ready
    with pytest.raises(CredentialsMissing):
        await model.generate(request())
    assert len(model.requests) == 5


async def test_a_script_that_is_used_up_is_an_error_of_the_test_that_names_the_question() -> None:
    model = ScriptedModel(["once"])
    await model.generate(request())
    with pytest.raises(AssertionError, match="no answer left for 'revise'"):
        await model.generate(request("revise"))


async def test_a_function_answers_by_what_was_asked() -> None:
    model = ScriptedModel(lambda asked: asked.purpose.upper())
    assert (await model.generate(request("extract"))).text == "EXTRACT"


async def test_a_reply_says_what_it_cost_and_whether_it_was_constrained() -> None:
    reply = await ScriptedModel(["some answer"]).generate(request(schema={"type": "object"}))
    assert reply.constrained
    assert (reply.usage.calls, reply.usage.input_tokens > 0, reply.usage.output_tokens > 0) == (1, True, True)
    free = ScriptedModel(["some answer"], constrains=False)
    assert not (await free.generate(request(schema={"type": "object"}))).constrained
    assert not (await ScriptedModel(["some answer"]).generate(request())).constrained


async def test_progress_is_told() -> None:
    told: list[Any] = []
    await ScriptedModel(["x"]).generate(request(), told.append)
    assert [(progress.stage, progress.message) for progress in told] == [("model", "propose")]


def test_both_are_models() -> None:
    scripted = ScriptedModel([])
    assert isinstance(scripted, Model)
    assert isinstance(FaultyModel(scripted, {}), Model)
    faulty = FaultyModel(ScriptedModel([], constrains=False, context_tokens=512, name="small"), {})
    assert (faulty.name, faulty.constrains, faulty.context_tokens) == ("faulty:small", False, 512)


async def spoiled(fault: Any) -> tuple[ModelReply, FaultyModel]:
    model = FaultyModel(ScriptedModel(lambda asked: {"title": "Loading"}), {fault: 1.0})
    return await model.generate(request()), model


async def test_a_truncated_answer_is_half_and_says_so() -> None:
    reply, model = await spoiled("truncated")
    assert (reply.text, reply.finish) == ('{"title": ', "length")
    assert model.faults == {"truncated": 1}


async def test_a_malformed_answer_lacks_its_end_and_does_not_say_so() -> None:
    reply, _ = await spoiled("malformed")
    assert (reply.text, reply.finish) == ('{"title": "Loading"', "stop")


async def test_nonsense_and_emptiness_replace_the_answer() -> None:
    assert "{" not in (await spoiled("nonsense"))[0].text
    assert (await spoiled("empty"))[0].text == ""


async def test_an_overloaded_model_raises_before_the_real_one_is_asked() -> None:
    inner = ScriptedModel([])
    with pytest.raises(ModelOverloaded):
        await FaultyModel(inner, {"overloaded": 1.0}).generate(request())
    assert inner.requests == []


async def test_the_same_seed_breaks_the_same_answers() -> None:
    async def answers(seed: int) -> list[str]:
        model = FaultyModel(ScriptedModel(lambda asked: "good answer"), {"empty": 0.5}, seed=seed)
        return [(await model.generate(request())).text for _ in range(40)]

    assert await answers(1) == await answers(1)
    assert await answers(1) != await answers(2)
    assert set(await answers(1)) == {"", "good answer"}


async def test_without_faults_nothing_breaks() -> None:
    model = FaultyModel(ScriptedModel(["good"]), {"empty": 0.0})
    assert (await model.generate(request())).text == "good"
    assert model.faults == {"empty": 0}
