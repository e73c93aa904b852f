"""The systems that are compared. Each is given the same parsed document, the same schema and the same model."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from fieldwise import wire
from fieldwise.errors import ModelError
from fieldwise.extract.engine import FieldwiseExtractor
from fieldwise.llm import Message, Model, ModelReply, ModelRequest, Patience
from fieldwise.model import Document, JsonSchema, OnProgress, ignore_progress
from fieldwise.settings import Settings

from . import peering
from .faults import oracle_of, system_name
from .tasks import Task


class System(Protocol):
    """Gives a prediction in any form that `fieldwise evaluate` reads. Raises what it likes: that is recorded."""

    async def __call__(self, document: Document, task: Task, model: Model, settings: Settings) -> dict[str, Any]: ...


class Extract(Protocol):
    async def __call__(
        self, document: Document, task: Task, model: Model, settings: Settings, seconds: float
    ) -> dict[str, Any]: ...


class Ready(NamedTuple):
    """A system that has loaded what it needs; `versions` are those of its libraries, beside fieldwise's own."""

    extract: Extract
    versions: Mapping[str, str]


class RecordingModel:
    """Passes calls on and keeps what was asked and answered: prompts by hash, answers whole."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.calls: list[dict[str, Any]] = []

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
        started = time.monotonic()
        call: dict[str, Any] = {
            "purpose": request.purpose,
            "prompt_sha256": _sha(request.messages),
            "prompt_characters": sum(len(message.content) for message in request.messages),
            "schema_sha256": _sha(request.json_schema),
            "max_output_tokens": request.max_output_tokens,
        }
        self.calls.append(call)
        try:
            reply = await self._model.generate(request, on_progress)
        except BaseException as error:
            call |= {"error": f"{type(error).__name__}: {error}", "seconds": round(time.monotonic() - started, 3)}
            raise
        call |= {
            "answer": reply.text,
            "finish": reply.finish,
            "constrained": reply.constrained,
            "dropped_keywords": list(reply.dropped_keywords),
            "usage": reply.usage.model_dump(),
            "seconds": round(time.monotonic() - started, 3),
        }
        return reply

    async def aclose(self) -> None:
        """The model is shared by all documents."""


async def fieldwise(
    document: Document,
    task: Task,
    model: Model,
    settings: Settings,
    patience: Patience = Patience(),  # noqa: B008
) -> dict[str, Any]:
    """The engine as `fieldwise extract --schema` runs it."""
    engine = FieldwiseExtractor(
        model,
        attempts=settings.extract_attempts,
        document_tokens=settings.document_tokens,
        max_output_tokens=settings.max_output_tokens,
        patience=patience,
    )
    return wire.extraction_json(await engine.extract(document, task.asked))


async def oracle(document: Document, task: Task, model: Model, settings: Settings) -> dict[str, Any]:
    """The engine with a model that knows the answer: what is wrong here is no model's fault.

    A busy one (a fault put in) is waited for as often as ever, and not as long: nobody else uses it.
    """
    return await fieldwise(document, task, model, settings, Patience(first_seconds=0.001))


_ONE_SHOT = (
    "Extract the information from the document as one JSON object that is valid against this JSON Schema. "
    "Use null for what the document does not give. Answer with the JSON object only.\n\n"
)


async def one_shot(document: Document, task: Task, model: Model, settings: Settings) -> dict[str, Any]:
    """The whole text and the schema in one constrained call: what most people do. Too long for the model: it fails."""
    schema: JsonSchema = task.asked
    prompt = f"{_ONE_SHOT}{json.dumps(schema, ensure_ascii=False)}\n\nDocument:\n{document.markdown}"
    taken = await model.count_tokens(prompt) + 64
    left = model.context_tokens - taken
    if left < 256:
        raise ModelError(f"The prompt has {taken} tokens; the model holds {model.context_tokens}.")
    request = ModelRequest(
        messages=(Message("system", "You extract data from documents."), Message("user", prompt)),
        json_schema=schema,
        max_output_tokens=min(left, 8_192),
        purpose="one-shot",
    )
    reply = await model.generate(request)
    usage = reply.usage.model_dump()
    try:
        data = json.loads(reply.text)
    except ValueError as error:
        why = "it was cut at the token limit" if reply.finish == "length" else str(error)
        return {"error": {"message": f"The answer is no JSON: {why}."}, "usage": usage}
    return {"data": data, "usage": usage} if isinstance(data, dict) else {"error": {"message": "no JSON object"}}


_OURS: Mapping[str, System] = MappingProxyType({"fieldwise": fieldwise, "one-shot": one_shot, "oracle": oracle})
SYSTEMS = (*_OURS, *peering.PEERS)


@contextlib.asynccontextmanager
async def opened(system: str) -> AsyncIterator[Ready]:
    """Make a system ready: for a peer, start its process. Raises FieldwiseError or PeerFailed where that fails."""
    name, _ = system_name(system)
    if name in _OURS:

        async def ours(
            document: Document, task: Task, model: Model, settings: Settings, seconds: float
        ) -> dict[str, Any]:
            return await _OURS[name](document, task, model, settings)

        yield Ready(ours, {})
        return
    async with peering.opened(system) as peer:

        async def theirs(
            document: Document, task: Task, model: Model, settings: Settings, seconds: float
        ) -> dict[str, Any]:
            return await peer.extract(document, task, model, seconds)

        yield Ready(theirs, peer.versions)


def needs_model(system: str) -> bool:
    return system_name(system)[0] != "oracle"


def checked(text: str) -> str:
    """Return the name of a system, for argparse."""
    name, _ = system_name(text)
    if name not in SYSTEMS:
        raise argparse.ArgumentTypeError(f"There is no system {name!r}; known are {', '.join(SYSTEMS)}.")
    return text


def model_for(system: str, task: Task, document: Document, shared: Callable[[], Model]) -> RecordingModel:
    """Return the model of one document: the shared one, or one that knows this document's gold."""
    name, faults = system_name(system)
    if name == "oracle":
        return RecordingModel(oracle_of(task, document, faults))
    return RecordingModel(shared())


def _sha(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
