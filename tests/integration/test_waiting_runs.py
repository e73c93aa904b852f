"""A waiting run is rows in the store: no process, no task, no memory."""

from __future__ import annotations

import asyncio
import gc
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import fieldwise as fw
from harness import PROMPT, scripted

Clients = Callable[..., fw.Fieldwise]

RUNS = 60
MOST_BYTES_A_RUN = 20_000  # of 1,000 waiting runs: 20 MB


async def test_waiting_runs_hold_no_memory_no_task_and_no_thread(async_client_of: Clients, document: Path) -> None:
    model = scripted()
    client = async_client_of(model)

    async def start(count: int) -> None:
        for _ in range(count):
            await client.astart(document, PROMPT)
        # What the test's own model keeps of its questions.
        model.requests.clear()

    await start(10)
    gc.collect()
    tasks, threads = len(asyncio.all_tasks()), threading.active_count()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        await start(RUNS)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(await client.aruns(limit=1_000)) == RUNS + 10
    assert (after - before) / RUNS < MOST_BYTES_A_RUN
    assert len(asyncio.all_tasks()) == tasks
    # The pool may open its few connections, each with a thread, at any time; runs have none.
    assert threading.active_count() <= threads + 4
