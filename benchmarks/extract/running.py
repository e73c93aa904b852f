"""Systems over documents: each with a time limit, each recorded once, whatever stops the run.

Documents go outside, systems inside: wherever a run is stopped, all systems have seen the same documents.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks import record
from fieldwise.errors import FieldwiseError
from fieldwise.llm import Message, Model, ModelRequest
from fieldwise.model import Document
from fieldwise.registry import make
from fieldwise.settings import Settings

from .peering import PeerFailed
from .systems import RecordingModel, model_for, needs_model, opened
from .tasks import Task


async def run(
    tasks: Sequence[Task],
    systems: Sequence[str],
    out: Path,
    settings: Settings,
    *,
    seconds: float,
    again: bool = False,
) -> None:
    """Run each system on each task without a record in `out/SYSTEM`, at most `seconds` each.

    Neither parsing, which all share, nor loading the model and a peer's libraries counts. Raises FieldwiseError where
    the model cannot be had at all: nothing is recorded then.
    """
    shown = {k: str(v) for k, v in settings.model_dump().items()}
    for system in systems:
        record.write(out / system / "run.json", {"system": system, "seconds_a_document": seconds, "settings": shown})
    parser = make("parser", settings.parser, settings)

    @cache
    def shared() -> Model:
        model: Model = make("model", settings.model, settings)
        return model

    warm = False
    try:
        for number, task in enumerate(tasks, start=1):
            left = [system for system in systems if again or not _is_done(_record_of(out, system, task))]
            if not left:
                continue
            parsed = await _parse(parser, task)
            if isinstance(parsed["document"], Document) and not warm and any(map(needs_model, left)):
                await _warm(shared())
                warm = True
            for system in left:
                kept = await _one(task, system, parsed, shared, settings, seconds)
                _keep(_record_of(out, system, task), kept)
                state = kept["error"] or kept["prediction"].get("status") or "done"
                name = task.name[-60:]
                print(f"{number}/{len(tasks)} {name} {system}: {state[:160]} ({kept['seconds']:.1f} s)", flush=True)
    finally:
        await parser.aclose()
        if shared.cache_info().currsize:
            await shared().aclose()


def _record_of(out: Path, system: str, task: Task) -> Path:
    return out / system / "records" / f"{task.name}.json"


def _is_done(path: Path) -> bool:
    """Say whether there is a record. What could not be parsed is tried again: parsers learn."""
    return path.exists() and not json.loads(path.read_text(encoding="utf-8")).get("not_parsed", False)


def _keep(path: Path, kept: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    beside.replace(path)


async def _warm(model: Model) -> None:
    """Load an embedded model before anything is timed: the first call is slow, and would be one system's."""
    if model.name.startswith("embedded:"):
        hello = (Message("user", "Say hello."),)
        await model.generate(ModelRequest(messages=hello, max_output_tokens=1, purpose="warm"))


async def _parse(parser: Any, task: Task) -> dict[str, Any]:
    started = time.monotonic()
    found: dict[str, Any] = {"document": None, "error": ""}
    try:
        document: Document = await parser.parse(task.document)
        found |= {"document": document, "parser": document.parser}
    except FieldwiseError as error:
        # Records are kept and shown: they name no folder of this machine.
        found["error"] = f"{error.code}: {error}".replace(str(task.document), task.document.name)
    return found | {"parse_seconds": round(time.monotonic() - started, 3)}


async def _one(
    task: Task,
    system: str,
    parsed: dict[str, Any],
    shared: Callable[[], Model],
    settings: Settings,
    seconds: float,
) -> dict[str, Any]:
    kept: dict[str, Any] = {"task": task.name, "system": system, "prediction": None, "error": parsed["error"]}
    kept |= {"date": datetime.now(UTC).isoformat(timespec="seconds"), "unsupported": False, "seconds": 0.0}
    kept["not_parsed"] = parsed["document"] is None
    kept |= {k: v for k, v in parsed.items() if k not in ("document", "error")}
    document: Document | None = parsed["document"]
    if document is None:
        return {**kept, "calls": []}
    recording: RecordingModel | None = None
    started = time.monotonic()
    try:
        recording = model_for(system, task, document, shared)
        kept["model"] = recording.name
        async with opened(system) as ready:
            kept["versions"] = dict(ready.versions)
            started = time.monotonic()
            async with asyncio.timeout(seconds):
                found = await ready.extract(document, task, recording, settings, seconds)
            kept |= {"settings": found.pop("settings", {}), "prediction": found}
    except TimeoutError:
        kept["error"] = f"stopped after {seconds:g} s"
    except PeerFailed as error:
        kept |= {"error": str(error), "unsupported": error.unsupported}
    except FieldwiseError as error:
        kept["error"] = f"{error.code}: {error}"
    except Exception as error:  # a system under test may raise anything, and the run must go on
        kept["error"] = f"{type(error).__name__}: {error}"
    kept["seconds"] = round(time.monotonic() - started, 3)
    kept["calls"] = recording.calls if recording is not None else []
    return kept
