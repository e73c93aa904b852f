"""A fieldwise model behind the two routes of OpenAI's API that the peers need: `/v1/models`, `/v1/chat/completions`.

    python -m benchmarks.extract.endpoint --port 8123 [--model embedded]

Prompts are passed on as they come; nothing is added. `response_format` with a JSON Schema, and tools, constrain the
answer as fieldwise's own calls are constrained. Where no temperature is asked for the answer is greedy. Loopback only,
one answer a call, no streaming. A client that hangs up stops its call: others wait for the same model.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import json
import select
import socket
import threading
import time
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from fieldwise.errors import ModelError, ModelOverloaded
from fieldwise.llm import Message, Model, ModelReply, ModelRequest
from fieldwise.model import JsonSchema
from fieldwise.registry import make
from fieldwise.settings import load_settings

_LONGEST_BODY = 32 * 2**20
_LONGEST_ANSWER = 8_192
_SHORTEST_ANSWER = 16
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "user"}


class Refused(Exception):
    """An answer other than 200: `status` and the body of OpenAI's errors."""

    def __init__(self, status: int, message: str, code: str = "invalid_request") -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": code, "param": None, "code": code}}


class Call(NamedTuple):
    """What a body asks for. `tool` names the function whose arguments are wanted."""

    messages: tuple[Message, ...]
    json_schema: JsonSchema | None
    tool: str
    max_output_tokens: int | None
    temperature: float


class Endpoint:
    """Serves `model` on a free port of 127.0.0.1 while it is open; `url` ends in `/v1`.

    The model is asked in the event loop that opened the endpoint. `timeouts` and faults come to the client as 4xx and
    5xx in OpenAI's form.
    """

    def __init__(self, model: Model, *, port: int = 0, purpose: str = "chat") -> None:
        self._model, self._port, self._purpose = model, port, purpose
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._running: set[concurrent.futures.Future[Any]] = set()

    @property
    def url(self) -> str:
        assert self._server is not None, "open the endpoint first"
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    async def __aenter__(self) -> Endpoint:
        self._loop = asyncio.get_running_loop()
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        for future in list(self._running):
            future.cancel()
        if self._server is not None:
            await asyncio.to_thread(self._server.shutdown)
            self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path.rstrip("/") == "/v1/models":
                    shown = {"id": endpoint._model.name, "object": "model", "created": 0, "owned_by": "fieldwise"}
                    self._send(200, {"object": "list", "data": [shown]})
                else:
                    self._send(404, Refused(404, f"There is no {self.path}.", "not_found").body)

            def do_POST(self) -> None:
                try:
                    length = int(self.headers.get("Content-Length") or 0)
                    if length > _LONGEST_BODY:
                        self.close_connection = True
                        raise Refused(413, f"The body has {length} bytes; {_LONGEST_BODY} are taken.")
                    content = self.rfile.read(length)
                    if self.path.rstrip("/") != "/v1/chat/completions":
                        raise Refused(404, f"There is no {self.path}.", "not_found")
                    answer = endpoint._answer(read_call(content), self.connection)
                except Refused as refused:
                    self._send(refused.status, refused.body)
                except (ConnectionError, concurrent.futures.CancelledError):
                    self.close_connection = True
                else:
                    self._send(200, answer)

            def _send(self, status: int, body: Mapping[str, Any]) -> None:
                content = json.dumps(body, ensure_ascii=False).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                return None

        return Handler

    def _answer(self, call: Call, connection: socket.socket) -> dict[str, Any]:
        future = asyncio.run_coroutine_threadsafe(self._ask(call), self._loop)
        self._running.add(future)
        try:
            reply = _wait(future, connection)
        except ModelOverloaded as error:
            raise Refused(503, str(error), error.code) from error
        except ModelError as error:
            raise Refused(500, str(error), error.code) from error
        finally:
            self._running.discard(future)
        return completion_json(reply, call.tool, self._model.name)

    async def _ask(self, call: Call) -> ModelReply:
        read = await self._model.count_tokens("\n".join(message.content for message in call.messages))
        read += 16 * len(call.messages)
        left = self._model.context_tokens - read
        if left < _SHORTEST_ANSWER:
            held = self._model.context_tokens
            raise Refused(400, f"The prompt has {read} tokens; the model holds {held}.", "context_length_exceeded")
        request = ModelRequest(
            messages=call.messages,
            json_schema=call.json_schema,
            max_output_tokens=max(1, min(left, call.max_output_tokens or _LONGEST_ANSWER)),
            temperature=call.temperature,
            purpose=self._purpose,
        )
        return await self._model.generate(request)


def _wait(future: concurrent.futures.Future[ModelReply], connection: socket.socket) -> ModelReply:
    while True:
        try:
            return future.result(timeout=0.2)
        except TimeoutError:
            if future.done():
                raise
            readable, _, _ = select.select([connection], [], [], 0)
            if readable and not connection.recv(1, socket.MSG_PEEK):
                future.cancel()
                raise ConnectionAbortedError("the client hung up") from None


def read_call(content: bytes) -> Call:
    """Read the body of a chat completion. Raises Refused, with what is wrong, for what cannot be answered."""
    try:
        body = json.loads(content)
    except ValueError as error:
        raise Refused(400, f"The body is no JSON: {error}.") from None
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list) or not body["messages"]:
        raise Refused(400, "The body needs `messages`.")
    if body.get("stream"):
        raise Refused(400, "There is no streaming here.")
    if body.get("n") not in (None, 1):
        raise Refused(400, "There is one answer a call: leave out `n`.")
    schema, tool = _wanted_form(body)
    longest = body.get("max_completion_tokens") or body.get("max_tokens")
    if longest is not None and (not isinstance(longest, int) or longest < 1):
        raise Refused(400, "`max_tokens` is a number from 1 on.")
    temperature = body.get("temperature") or 0.0
    if not isinstance(temperature, int | float) or temperature < 0:
        raise Refused(400, "`temperature` is a number from 0 on.")
    messages = tuple(_message(message) for message in body["messages"])
    return Call(messages, schema, tool, longest, float(temperature))


def _wanted_form(body: Mapping[str, Any]) -> tuple[JsonSchema | None, str]:
    tools, choice = body.get("tools") or [], body.get("tool_choice") or "auto"
    if tools and choice != "none":
        functions = [tool.get("function", {}) for tool in tools if isinstance(tool, dict)]
        if isinstance(choice, dict):
            wanted = choice.get("function", {}).get("name")
            functions = [function for function in functions if function.get("name") == wanted]
        if len(functions) != 1:
            raise Refused(400, "Name the one function to call: `tool_choice` with a function, or one tool only.")
        return functions[0].get("parameters") or {"type": "object"}, str(functions[0].get("name", ""))
    form = body.get("response_format") or {"type": "text"}
    match form:
        case {"type": "text"}:
            return None, ""
        case {"type": "json_object"}:
            return {"type": "object"}, ""
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            return schema, ""
    raise Refused(400, "`response_format` is of type text, json_object or json_schema (with a schema).")


def _message(message: Any) -> Message:
    role = _ROLES.get(message.get("role", "")) if isinstance(message, dict) else None
    if role is None:
        raise Refused(400, f"A message has one of the roles {', '.join(_ROLES)}.")
    content = message.get("content") or ""
    if isinstance(content, list):
        if any(part.get("type") != "text" for part in content):
            raise Refused(400, "This model reads text only.")
        content = "".join(part.get("text", "") for part in content)
    called = [call.get("function", {}).get("arguments", "") for call in message.get("tool_calls") or []]
    return Message(role, "\n".join([content, *called]).strip() if called else content)  # type: ignore[arg-type]  # a Role


def completion_json(reply: ModelReply, tool: str, model: str) -> dict[str, Any]:
    """The answer as OpenAI gives it: as content, or as the arguments of a call of `tool`."""
    said: dict[str, Any] = {"role": "assistant", "content": None if tool else reply.text, "refusal": None}
    finish = {"stop": "stop", "length": "length"}[reply.finish]
    if tool:
        function = {"name": tool, "arguments": reply.text}
        said["tool_calls"] = [{"id": f"call_{uuid.uuid4().hex[:24]}", "type": "function", "function": function}]
        finish = "tool_calls" if finish == "stop" else finish
    read, written = reply.usage.input_tokens, reply.usage.output_tokens
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": said, "finish_reason": finish, "logprobs": None}],
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            "prompt_tokens_details": {"cached_tokens": reply.usage.cached_tokens},
        },
    }


async def _serve(model: Model, port: int) -> None:
    async with Endpoint(model, port=port) as endpoint:
        print(f"{model.name} at {endpoint.url}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extract.endpoint", description=__doc__)
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--model", help="as fieldwise's --model")
    given = parser.parse_args()
    settings = load_settings({"model": given.model})
    try:
        asyncio.run(_serve(make("model", settings.model, settings), given.port))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
