"""Pages a second, and ratios taken within each round: the load of the machine is the same for both sides of a ratio."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.record import spread

from .corpus import Paper
from .systems import OURS, SLOW, Peer, our_parser, read_ours


def measure(papers: Sequence[Paper], part: Sequence[Paper], peers: Sequence[Peer], rounds: int) -> dict[str, Any]:
    """Let every system read `part` once a round, and those that are fast enough all `papers` as well.

    Ours is the time on the clock for a pool of two processes; a peer's is the time within its own process around its
    call, without start-up or transport. The first reading of `part` warms up and does not count.
    """
    fast = [peer for peer in peers if peer.name not in SLOW]
    return {
        "sample": asyncio.run(_rounds(part, peers, rounds)),
        "corpus": asyncio.run(_rounds(papers, fast, rounds)),
    }


async def _rounds(papers: Sequence[Paper], peers: Sequence[Peer], rounds: int) -> dict[str, Any]:
    paths = [paper.path for paper in papers]
    pages = sum(paper.pages for paper in papers)
    rates: dict[str, list[float]] = {name: [] for name in (OURS, *(peer.name for peer in peers))}
    failed: dict[str, int] = {}
    loads = []
    parser = our_parser()
    order = random.Random(0)
    for number in range(rounds + 1):
        systems: list[Peer | None] = [None, *peers]
        order.shuffle(systems)
        for peer in systems:
            if peer is None:
                seconds, documents = await read_ours(parser, paths)
                lost = [document for document in documents if isinstance(document, str)]
            else:
                readings = [peer.read(path) for path in paths[: len(paths) if number else 1]]
                seconds = sum(reading.seconds for reading in readings)
                lost = [reading.error for reading in readings if reading.error]
            name = OURS if peer is None else peer.name
            if number:
                rates[name].append(pages / seconds)
                failed[name] = len(lost)
        loads.append(round(os.getloadavg()[0], 2))
    await parser.aclose()
    return {
        "documents": len(papers),
        "pages": pages,
        "rounds": rounds,
        "load_average": loads,
        "pages_per_second": {name: spread(values) for name, values in rates.items()},
        "ours_to_theirs": {
            name: round(statistics.median(ours / theirs for ours, theirs in zip(rates[OURS], values, strict=True)), 2)
            for name, values in rates.items()
            if name != OURS
        },
        "documents_failed": {name: count for name, count in failed.items() if count},
    }
