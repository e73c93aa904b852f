"""The embedded model: runs on this machine's CPU, needs no key and no network.

`EmbeddedModel()` is Qwen2.5-Coder-1.5B-Instruct from the packages of `fieldwise[embedded]`; `EmbeddedModel(gguf=path)`
is any chat model in a GGUF file. The model runs in a process of its own, started with the first call, shared by all
models with the same settings, ended when idle.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from pathlib import Path
from typing import Any, Literal

from fieldwise.errors import InputError
from fieldwise.model import OnProgress, Progress, Usage, ignore_progress
from fieldwise.settings import default_cache_dir

from .engine import Engine, EngineKey, Job, acquire, release
from .gguf import read_gguf_head
from .protocol import ModelReply, ModelRequest
from .weights import DEFAULT_WEIGHTS

log = logging.getLogger("fieldwise.llm")

RuntimeChoice = Literal["auto", "openvino", "xllamacpp"]

_RUNTIMES = {
    "openvino": "fieldwise.llm.openvino:OpenVinoRuntime",
    "xllamacpp": "fieldwise.llm.xllamacpp:XllamacppRuntime",
}
# The default settings show a model 12,000 tokens of a document and let it write 2,048; each token of context may take
# 2 x 16 KB of memory (see openvino.CACHED_CONTEXTS).
CONTEXT_TOKENS = 16_384


class EmbeddedModel:
    """A local model behind the `Model` protocol. Making one reads at most the head of `gguf`.

    Args:
        gguf: a model file; None for the default model.
        runtime: "auto" takes OpenVINO, and xllamacpp for models that OpenVINO cannot read.
        cache_dir: where weights are put together and converted (about 2.5 GB for the default model).
        context_tokens: what prompt and answer may use together, at most what the model was made for.
        stall_seconds: a call without any progress for so long fails with ModelStalled.
        idle_seconds: the process is ended, and its memory given back, after so long unused.
        threads: 0 for one per core.
    """

    def __init__(
        self,
        *,
        gguf: Path | None = None,
        runtime: str = "auto",
        cache_dir: Path | None = None,
        context_tokens: int = CONTEXT_TOKENS,
        stall_seconds: float = 120.0,
        idle_seconds: float = 600.0,
        threads: int = 0,
    ) -> None:
        runtimes = _runtimes(runtime)
        longest = DEFAULT_WEIGHTS.context_length if gguf is None else read_gguf_head(gguf).context_length
        self._name = f"embedded:{DEFAULT_WEIGHTS.name if gguf is None else gguf.stem}"
        self._context_tokens = min(context_tokens, longest) if longest else context_tokens
        self._stall_seconds = stall_seconds
        self._idle_seconds = idle_seconds
        self._key = EngineKey(
            runtimes=runtimes,
            gguf="" if gguf is None else str(gguf.resolve()),
            cache_dir=str((cache_dir or default_cache_dir()).expanduser().absolute()),
            context_tokens=self._context_tokens,
            threads=threads,
        )
        self._engine: Engine | None = None
        self._give_back: weakref.finalize[Any, Any] | None = None

    def __repr__(self) -> str:
        return f"EmbeddedModel({self._name!r}, context_tokens={self._context_tokens})"

    @property
    def name(self) -> str:
        return self._name

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    @property
    def constrains(self) -> bool:
        return True

    async def count_tokens(self, text: str) -> int:
        """Count exactly, with the model's own tokenizer. The first count may prepare the weights."""
        event = await self._ask({"op": "count", "text": text}, ignore_progress)
        return int(event["tokens"])

    async def generate(self, request: ModelRequest, on_progress: OnProgress = ignore_progress) -> ModelReply:
        """Answer once; calls wait for each other. Cancelling the awaiting task stops the model between two steps.

        Raises ModelUnavailable, MissingExtra, ModelStalled, ModelAnswerInvalid, or ModelError for too long a prompt.
        """
        call = {
            "messages": [list(message) for message in request.messages],
            "json_schema": request.json_schema,
            "max_output_tokens": request.max_output_tokens,
            "temperature": request.temperature,
        }
        event = await self._ask({"op": "generate", "call": call}, on_progress)
        reply = ModelReply(
            text=event["text"],
            finish=event["finish"],
            usage=Usage(
                input_tokens=event["input_tokens"],
                cached_tokens=event["cached_tokens"],
                output_tokens=event["output_tokens"],
                calls=1,
                seconds=event["seconds"],
            ),
            constrained=event["constrained"],
            dropped_keywords=tuple(event["dropped_keywords"]),
        )
        if reply.dropped_keywords:
            log.info(
                "%s: the grammar does not enforce %s; the answer is checked for them.",
                request.purpose,
                ", ".join(reply.dropped_keywords),
            )
        log.debug("%s: %s, %s", request.purpose, reply.finish, reply.usage)
        return reply

    async def aclose(self) -> None:
        """End the process, unless another model with the same settings uses it. A later call starts it again."""
        if self._give_back is not None:
            self._give_back()
        self._engine = self._give_back = None

    @property
    def process_id(self) -> int | None:
        """The model's process while it runs: for measuring its memory."""
        return self._engine.process_id if self._engine is not None else None

    async def _ask(self, order: dict[str, Any], on_progress: OnProgress) -> dict[str, Any]:
        loop = asyncio.get_running_loop()

        def on_event(event: dict[str, Any]) -> None:
            progress = Progress(
                stage="model",
                message=event["message"],
                done=event["done"],
                total=event["total"],
                unit=event["unit"],
            )
            with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody watches any more
                loop.call_soon_threadsafe(on_progress, progress)

        job: Job = self._ready_engine().submit(
            order, on_event, stall_seconds=self._stall_seconds, idle_seconds=self._idle_seconds
        )
        return await asyncio.wrap_future(job.future)

    def _ready_engine(self) -> Engine:
        if self._engine is None:
            self._engine = acquire(self._key)
            self._give_back = weakref.finalize(self, release, self._engine)
            self._give_back.atexit = False  # the engine has its own, quicker end there
        return self._engine


def _runtimes(choice: str) -> tuple[str, ...]:
    if choice == "auto":
        return tuple(_RUNTIMES.values())
    if choice in _RUNTIMES:
        return (_RUNTIMES[choice],)
    raise InputError(
        f"There is no runtime {choice!r} for the embedded model.",
        next_step=f"Known are: auto, {', '.join(_RUNTIMES)}.",
        setting="embedded_runtime",
    )
