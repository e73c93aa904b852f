"""The model as the peers see it: OpenAI's chat completions on loopback."""

from __future__ import annotations

import asyncio
import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from benchmarks.extract.endpoint import Endpoint, Refused, read_call

from fieldwise.errors import ModelOverloaded, ModelUnavailable
from fieldwise.llm import ModelReply
from fieldwise.model import Usage
from fieldwise.testing import ScriptedModel

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}}
HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Total: 5"}]


def body(**more: Any) -> bytes:
    return json.dumps({"model": "any", "messages": HELLO, **more}).encode()


def post(url: str, content: bytes) -> tuple[int, dict[str, Any]]:
    where = urlsplit(url)
    connection = HTTPConnection(where.hostname or "", where.port, timeout=20)
    try:
        connection.request("POST", f"{where.path}/chat/completions", content)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


async def asked(model: ScriptedModel, *contents: bytes) -> list[tuple[int, dict[str, Any]]]:
    async with Endpoint(model) as endpoint:
        return [await asyncio.to_thread(post, endpoint.url, content) for content in contents]


async def test_a_json_schema_constrains_the_answer_and_usage_comes_back() -> None:
    reply = ModelReply(
        text='{"total": 5}', usage=Usage(input_tokens=9, cached_tokens=4, output_tokens=3), constrained=True
    )
    model = ScriptedModel([reply])
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}
    ((status, found),) = await asked(model, body(response_format=form, max_tokens=50, temperature=0.3))
    assert status == 200
    assert found["choices"][0]["message"]["content"] == '{"total": 5}'
    assert found["choices"][0]["finish_reason"] == "stop"
    assert found["usage"]["prompt_tokens"] == 9
    assert found["usage"]["prompt_tokens_details"] == {"cached_tokens": 4}
    (request,) = model.requests
    assert request.json_schema == SCHEMA
    assert (request.max_output_tokens, request.temperature) == (50, 0.3)
    assert [tuple(m) for m in request.messages] == [("system", "Be brief."), ("user", "Total: 5")]


async def test_a_tool_is_answered_by_a_call_with_its_arguments() -> None:
    tools = [{"type": "function", "function": {"name": "keep", "parameters": SCHEMA}}]
    model = ScriptedModel([{"total": 5}])
    ((_, found),) = await asked(model, body(tools=tools))
    (call,) = found["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "keep"
    assert json.loads(call["function"]["arguments"]) == {"total": 5}
    assert found["choices"][0]["finish_reason"] == "tool_calls"
    assert model.requests[0].json_schema == SCHEMA


async def test_an_answer_that_was_cut_says_so() -> None:
    ((_, found),) = await asked(ScriptedModel([ModelReply(text='{"tot', finish="length")]), body())
    assert found["choices"][0]["finish_reason"] == "length"


async def test_faults_of_the_model_are_errors_in_openai_form() -> None:
    model = ScriptedModel([ModelOverloaded("too many"), ModelUnavailable("gone")])
    answers = await asked(model, body(), body())
    assert [(status, found["error"]["code"]) for status, found in answers] == [
        (503, "model_overloaded"),
        (500, "model_unavailable"),
    ]


async def test_a_prompt_too_long_is_refused_and_the_model_is_not_asked() -> None:
    model = ScriptedModel([], context_tokens=40)
    ((status, found),) = await asked(model, body())
    assert status == 400
    assert found["error"]["code"] == "context_length_exceeded"
    assert not model.requests


async def test_an_answer_has_at_most_the_room_that_is_left() -> None:
    model = ScriptedModel([{"total": 1}], context_tokens=200)
    await asked(model, body(max_tokens=100_000))
    assert model.requests[0].max_output_tokens < 200


async def test_a_client_that_hangs_up_stops_its_call() -> None:
    started, stopped = asyncio.Event(), asyncio.Event()

    class Slow(ScriptedModel):
        async def generate(self, *given: Any, **named: Any) -> ModelReply:
            started.set()
            try:
                return await super().generate(*given, **named)
            except asyncio.CancelledError:
                stopped.set()
                raise

    model = Slow([{"total": 1}], delay_seconds=600.0)
    async with Endpoint(model) as endpoint:
        port = int(endpoint.url.rsplit(":", 1)[1].split("/")[0])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        content = body()
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(content))
        writer.write(content)
        await writer.drain()
        await asyncio.wait_for(started.wait(), 20)
        writer.close()
        await writer.wait_closed()
        await asyncio.wait_for(stopped.wait(), 20)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"{", "no JSON"),
        (b'{"messages": []}', "needs `messages`"),
        (body(stream=True), "no streaming"),
        (body(n=2), "one answer a call"),
        (body(max_tokens=-1), "max_tokens"),
        (body(temperature="hot"), "temperature"),
        (body(response_format={"type": "xml"}), "response_format"),
        (body(tools=[{"function": {"name": "a"}}, {"function": {"name": "b"}}]), "one function"),
        (json.dumps({"messages": [{"role": "robot", "content": ""}]}).encode(), "roles"),
        (json.dumps({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}).encode(), "text only"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_reason(given: bytes, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        read_call(given)
    assert refused.value.status == 400
