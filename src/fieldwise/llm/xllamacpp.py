"""llama.cpp, by the xllamacpp wheel: the second runtime. Runs any GGUF file, reads prompts three to five times slower.

Its server is used in this process, by calls. It insists on listening somewhere: that is a socket file which only this
user can reach, behind a key, and the one thing asked over it is the count of tokens.
"""

from __future__ import annotations

import http.client
import json
import logging
import os
import secrets
import socket
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from fieldwise.errors import MissingExtra, ModelError

from .gguf import GgufHead, read_gguf_head
from .grammar import LENGTHS, PATTERNS, RANGES, Dialect, Lowered, lower, require_constrained, write_keys
from .protocol import Finish
from .runtime import READING, WRITING, Answer, Call, ModelFile, NotRunnable, Report, defuse_control_tokens
from .weights import EXTRA_HINT, ensure_weights

log = logging.getLogger("fieldwise.llm")

_SOCKET = "model.sock"  # the ending tells the server that it is a file
BATCH_TOKENS = 64  # what is read between two looks at whether the call is still wanted

GBNF = Dialect(keywords=RANGES | LENGTHS | PATTERNS)


class XllamacppRuntime:
    """One server with one slot, loaded when first needed. See `runtime.Runtime`."""

    def __init__(self, model: ModelFile) -> None:
        self._llama = _import_xllamacpp()
        self._model = model
        self._server: Any = None
        self._head: GgufHead | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._key = secrets.token_hex(16)

    @property
    def name(self) -> str:
        return f"xllamacpp {metadata.version('xllamacpp')}"

    @property
    def counts_at_once(self) -> bool:
        return self._server is not None

    def count(self, text: str, report: Report) -> int:
        head = self._ready(report)[1]
        assert self._folder is not None  # noqa: S101  # made by _ready
        text = defuse_control_tokens(text, head.control_tokens)
        connection = _SocketFile(Path(self._folder.name) / _SOCKET)
        body = json.dumps({"content": text, "add_special": False, "parse_special": False})
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        try:
            connection.request("POST", "/tokenize", body, headers)
            response = connection.getresponse()
            return len(json.loads(response.read())["tokens"])
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"xllamacpp could not count tokens: {error}.", next_step="Try again.") from error
        finally:
            connection.close()

    def generate(self, call: Call, report: Report) -> Answer:
        server, head = self._ready(report)
        call = call.defused(head.control_tokens)
        body: dict[str, Any] = {
            "messages": [{"role": message.role, "content": message.content} for message in call.messages],
            "max_tokens": call.max_output_tokens,
            "temperature": call.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,
            "cache_prompt": True,
        }
        lowered = lower(call.json_schema, GBNF) if call.json_schema is not None else None
        if lowered is not None:
            form = {"name": "answer", "strict": True, "schema": lowered.json_schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        told = _Listener(report, call.max_output_tokens)
        try:
            server.handle_chat_completions(body, told.hear)
        except Exception as error:
            raise self._explained(error, lowered) from error
        if told.stopped_by is not None:
            raise told.stopped_by
        if told.error:
            raise self._explained(ModelError(told.error), lowered)
        return told.answer(lowered)

    def _explained(self, error: Exception, lowered: Lowered | None) -> ModelError:
        text = str(error)
        if "context" in text and ("exceed" in text or "larger" in text):
            return ModelError(
                f"The prompt is longer than the model's context of {self._model.context_tokens:,} tokens holds.",
                next_step="Show the model less of the document (FIELDWISE_DOCUMENT_TOKENS).",
                context_tokens=self._model.context_tokens,
            )
        if lowered is not None and ("schema" in text or "grammar" in text):
            return ModelError(
                f"xllamacpp cannot constrain an answer to this schema: {text[:300]}.",
                next_step="Make the schema simpler, or try FIELDWISE_EMBEDDED_RUNTIME=openvino.",
            )
        return ModelError(f"xllamacpp could not answer: {text[:300]}.", next_step="Try again.")

    def _ready(self, report: Report) -> tuple[Any, GgufHead]:
        if self._server is None or self._head is None:
            gguf = self._model.gguf or ensure_weights(
                self._model.cache_dir, lambda done, total: report("preparing the weights", done, total, "bytes")
            )
            self._head = read_gguf_head(gguf)
            if not self._head.chat_template:
                raise NotRunnable(
                    f"{gguf} has no chat template: it is not a model that follows instructions.",
                    next_step="Give an instruct or chat model.",
                    path=str(gguf),
                )
            report("loading the model")
            started = time.monotonic()
            self._server = self._start(gguf)
            log.debug("%s loaded in %.1f s", self.name, time.monotonic() - started)
        return self._server, self._head

    def _start(self, gguf: Path) -> Any:
        self._folder = tempfile.TemporaryDirectory(prefix="fieldwise-")  # made for this user alone (mode 0700)
        threads = self._model.threads or os.cpu_count() or 1
        params = self._llama.CommonParams()
        params.model.path = str(gguf)
        params.n_ctx = self._model.context_tokens
        params.n_parallel = 1
        params.n_batch = params.n_ubatch = BATCH_TOKENS
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.hostnames = [str(Path(self._folder.name) / _SOCKET)]
        params.api_keys = [self._key]
        params.ui = params.endpoint_slots = params.endpoint_props = False
        params.offline = True
        params.cache_ram_mib = 512  # prompts driven out of the slot; the default would grow to 8 GB
        params.verbosity = 0
        try:
            return self._llama.Server(params)
        except Exception as error:
            raise NotRunnable(
                f"xllamacpp cannot load {gguf}: {str(error)[:300]}.",
                next_step="Check that the file is a whole chat model, or give another one.",
                path=str(gguf),
            ) from error


class _Listener:
    """Hears the server's events, which arrive on the calling thread; returning True stops the work."""

    def __init__(self, report: Report, most_tokens: int) -> None:
        self._report = report
        self._most_tokens = most_tokens
        self._text: list[str] = []
        self._finish: Finish = "length"
        self._usage: dict[str, Any] = {}
        self._written = 0
        self.stopped_by: Exception | None = None
        self.error = ""

    def hear(self, event: Any) -> bool:
        try:
            self._take(json.loads(event) if isinstance(event, str | bytes) else event)
        except Exception as error:  # must not reach the native caller; raised again by generate
            self.stopped_by = error
            return True
        return False

    def _take(self, event: dict[str, Any]) -> None:
        if "error" in event:
            self.error = str(event["error"].get("message", event["error"]))
            return
        self._usage = event.get("usage") or self._usage
        if progress := event.get("prompt_progress"):
            self._report(READING, progress["processed"], progress["total"], "tokens")
        for choice in event.get("choices", ()):
            if choice.get("finish_reason"):
                self._finish = "stop" if choice["finish_reason"] == "stop" else "length"
            content = choice.get("delta", {}).get("content")
            if content:
                self._text.append(content)
                self._written += 1
                self._report(WRITING, self._written, self._most_tokens, "tokens")

    def answer(self, lowered: Lowered | None) -> Answer:
        text = "".join(self._text)
        cached = (self._usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
        answer = Answer(
            text=text,
            finish=self._finish,
            input_tokens=self._usage.get("prompt_tokens", 0),
            cached_tokens=cached,
            output_tokens=self._usage.get("completion_tokens", self._written),
        )
        if lowered is None:
            return answer
        return answer._replace(
            constrained=self._finish == "length" or require_constrained(text, lowered),
            text=write_keys(text, lowered),
            dropped_keywords=lowered.dropped,
        )


class _SocketFile(http.client.HTTPConnection):
    """HTTP over a socket file."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _import_xllamacpp() -> Any:
    try:
        import xllamacpp
    except ImportError as error:
        raise MissingExtra(
            f"The embedded model's runtime xllamacpp cannot be imported: {error}.",
            next_step=EXTRA_HINT,
            extra="embedded",
        ) from error
    return xllamacpp
