"""`python -m benchmarks.parse --out FILE`: gold values, words and pages a second, beside other parsers, in one run.

The other parsers live in an environment of their own (see requirements.txt beside this file). `--only speed` measures
speed alone, for a quiet machine; `--docs` writes the section of docs/benchmarks.md and the chart from a result.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from pathlib import Path
from typing import Any

from benchmarks import record

from . import quality, report, speed
from .corpus import read_corpus, sample
from .systems import FLOOR, PEERS, SECOND_ENGINE, Kept, Peer, PeerDoesNotRun

DATA = Path("../shared/data")
ENVIRONMENTS = Path("~/.cache/fieldwise-bench").expanduser()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.parse", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="keep the result as JSON")
    parser.add_argument("--only", choices=["speed", "quality"], help="one part of the two")
    parser.add_argument("--peers", nargs="*", choices=[*PEERS, []], help=f"of {', '.join(PEERS)}; all where left out")
    parser.add_argument("--sets", nargs="*", default=(), help="data sets; all where left out")
    parser.add_argument("--rounds", type=int, default=5, help="of the speed part")
    parser.add_argument("--data", type=Path, default=DATA, help="a folder with MANIFEST.jsonl")
    parser.add_argument("--environments", type=Path, default=ENVIRONMENTS, help="where the peers are installed")
    parser.add_argument("--sample-pages", type=int, default=60, help="pages that slow parsers read for their speed")
    parser.add_argument("--longest", type=int, default=30, help="pages of the longest document of that sample")
    parser.add_argument("--seed", type=int, default=1, help="which documents that sample has")
    parser.add_argument(
        "--slow-pages", type=int, default=90, help="slow parsers leave out longer documents; 0: they read them all"
    )
    parser.add_argument("--fresh", action="store_true", help="read everything again, also what peers read before")
    parser.add_argument("--docs", type=Path, nargs="+", metavar="RESULT", help="write the docs from these results")
    options = parser.parse_args()
    if options.docs:
        records = [json.loads(path.read_text(encoding="utf-8")) for path in options.docs]
        report.write(records)
        for goal in report.unmet(records):
            print(f"missed: {goal}")
        return
    if not (options.data / "MANIFEST.jsonl").is_file():
        parser.error(f"there is no {options.data / 'MANIFEST.jsonl'}: name a folder with --data")
    results = measure(options)
    print(json.dumps(report.brief(results), indent=2), flush=True)
    if options.out is not None:
        record.write(options.out, results)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    papers = read_corpus(options.data, options.sets)
    wanted = [FLOOR, *(PEERS if options.peers is None else options.peers)]
    shortest = min(papers, key=lambda paper: paper.pages)
    results: dict[str, Any] = {"documents": len(papers), "pages": sum(paper.pages for paper in papers)}
    with contextlib.ExitStack() as stack:
        peers, absent = [], {}
        for name in [*wanted, SECOND_ENGINE]:
            try:
                peer = stack.enter_context(Peer(name, options.environments))
                if first_error := peer.read(shortest.path).error:
                    absent[name] = first_error
                else:
                    peers.append(peer)
            except PeerDoesNotRun as error:
                absent[name] = str(error)
        results["versions"] = {peer.name: peer.version for peer in peers}
        results["does_not_run"] = absent
        if options.only != "speed":
            kept = Kept(None if options.fresh else options.environments / "texts")
            results["quality"] = quality.measure(papers, peers, kept, options.slow_pages)
        if options.only != "quality":
            part = sample(papers, pages=options.sample_pages, longest=options.longest, seed=options.seed)
            timed = [peer for peer in peers if peer.name != SECOND_ENGINE]
            results["speed"] = speed.measure(papers, part, timed, options.rounds)
    return results


if __name__ == "__main__":
    main()
