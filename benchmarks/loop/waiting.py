"""What waiting costs: the saved state's size for documents of any size, and the memory of 1,000 waiting runs."""

from __future__ import annotations

import asyncio
import gc
import json
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.loop.own_time import PROMPT, scripted
from fieldwise import Fieldwise
from fieldwise.workflow import IterativeExtractionWorkflow, ProposedSchema, resources

SIZES = {"10 KB": 10_000, "1 MB": 1_000_000, "50 MB": 50_000_000}
_LINE = "The tide was read at quay number {n} and written into the harbour book by the observer on duty.\n"


def text_of(size: int) -> str:
    """A text of about `size` characters with paragraphs, so that it has pages and parts like a real one."""
    lines, length, number = ["# Harbour book\n\n"], 0, 0
    while length < size:
        line = _LINE.format(n=number) + ("\n" if number % 8 == 7 else "")
        lines.append(line)
        length += len(line)
        number += 1
    return "".join(lines)[:size]


async def saved_sizes() -> dict[str, Any]:
    """Bytes that are saved while a run waits: our own state in the store, and the engine's context as the notebook's
    users save it, for documents of each size."""
    sizes: dict[str, Any] = {}
    for name, size in SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "book.md"
            file.write_text(text_of(size))
            async with Fieldwise(store=Path(folder) / "runs.db", model=scripted({})) as client:
                run = await client.astart(file, PROMPT)
                with sqlite3.connect(Path(folder) / "runs.db") as connection:
                    state = connection.execute("SELECT state FROM runs WHERE id = ?", (run.id,)).fetchone()[0]
                connection.close()
                workflow = IterativeExtractionWorkflow(resource_manager=resources(client._toolkit()))
                handler = workflow.run(file_path=str(file), prompt=PROMPT)
                context = ""
                async for event in handler.stream_events():
                    if isinstance(event, ProposedSchema):
                        context = json.dumps(handler.ctx.to_dict())
                        await handler.cancel_run()
                        break
                sizes[name] = {"state_bytes": len(state.encode()), "context_bytes": len(context.encode())}
    return sizes


def _resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS in /proc/self/status")


async def thousand_waiting(count: int = 1_000) -> dict[str, Any]:
    """Resident memory before and after `count` runs were started and wait."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "book.md"
        file.write_text(text_of(10_000))
        async with Fieldwise(store=Path(folder) / "runs.db", model=scripted({})) as client:
            for _ in range(20):
                await client.astart(file, PROMPT)
            gc.collect()
            before, tasks_before = _resident_mb(), len(asyncio.all_tasks())
            model: Any = client._given["model"]
            for _ in range(count):
                await client.astart(file, PROMPT)
                # The scripted model keeps what it was asked: that is its memory, not the runs'.
                model.requests.clear()
            gc.collect()
            after, tasks_after = _resident_mb(), len(asyncio.all_tasks())
    return {
        "runs": count,
        "resident_mb_before": round(before, 1),
        "resident_mb_after": round(after, 1),
        "grown_mb": round(after - before, 1),
        "tasks_grown": tasks_after - tasks_before,
    }


def main() -> dict[str, Any]:
    return {"saved": asyncio.run(saved_sizes()), "waiting": asyncio.run(thousand_waiting())}
