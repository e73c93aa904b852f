"""One system over many documents: each with a time limit, each recorded once, whatever stops the run."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks import record
from fieldwise.errors import FieldwiseError
from fieldwise.llm import Model
from fieldwise.model import Document
from fieldwise.registry import make
from fieldwise.settings import Settings

from .systems import SYSTEMS, RecordingModel, model_for
from .tasks import Task


async def run(
    tasks: Sequence[Task], system: str, out: Path, settings: Settings, *, seconds: float, again: bool = False
) -> None:
    """Run `system` on each task without a record in `out/SYSTEM`, at most `seconds` a document, parsing not counted."""
    folder = out / system
    folder.mkdir(parents=True, exist_ok=True)
    shown = {k: str(v) for k, v in settings.model_dump().items()}
    record.write(folder / "run.json", {"system": system, "seconds_a_document": seconds, "settings": shown})
    parser = make("parser", settings.parser, settings)

    @cache
    def shared() -> Model:
        model: Model = make("model", settings.model, settings)
        return model

    try:
        for number, task in enumerate(tasks, start=1):
            path = folder / "records" / f"{task.name}.json"
            if path.exists() and not again:
                continue
            kept = await _one(task, system, parser, shared, settings, seconds)
            path.parent.mkdir(exist_ok=True)
            beside = path.with_suffix(".part")
            beside.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            beside.replace(path)
            state = kept["error"] or kept["prediction"].get("status") or "done"
            print(f"{system} {number}/{len(tasks)} {task.name[-60:]}: {state} ({kept['seconds']:.1f} s)", flush=True)
    finally:
        await parser.aclose()
        if shared.cache_info().currsize:
            await shared().aclose()


async def _one(task: Task, system: str, parser: Any, shared: Any, settings: Settings, seconds: float) -> dict[str, Any]:
    kept: dict[str, Any] = {"task": task.name, "system": system, "prediction": None, "error": "", "calls": []}
    started = time.monotonic()
    recording: RecordingModel | None = None
    try:
        document: Document = await parser.parse(task.document)
        kept |= {"parse_seconds": round(time.monotonic() - started, 3), "parser": document.parser}
        started = time.monotonic()
        recording = model_for(system, task, document, shared)
        kept["model"] = recording.name
        async with asyncio.timeout(seconds):
            kept["prediction"] = await SYSTEMS[system](document, task, recording, settings)
    except TimeoutError:
        kept["error"] = f"stopped after {seconds:g} s"
    except FieldwiseError as error:
        kept["error"] = f"{error.code}: {error}"
    except Exception as error:  # a system under test may raise anything, and the run must go on
        kept["error"] = f"{type(error).__name__}: {error}"
    kept["seconds"] = round(time.monotonic() - started, 3)
    kept["calls"] = recording.calls if recording is not None else []
    return kept
