"""`python -m benchmarks.extract run|score`; see the package."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from rich.console import Console

from fieldwise.cli.console.score_table import score_tables
from fieldwise.evaluate.page import write_html
from fieldwise.evaluate.report import HEADLINE, report_json
from fieldwise.settings import load_settings

from . import running, scoring
from .systems import SYSTEMS
from .tasks import read_tasks

DATA = Path("../shared/data")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extract", description=__doc__)
    parser.add_argument("command", choices=("run", "score", "tasks"))
    parser.add_argument("--data", type=Path, default=DATA, help="a folder with a MANIFEST.jsonl")
    parser.add_argument("--out", type=Path, default=Path("out/extract"), help="where records are kept")
    parser.add_argument("--system", action="append", choices=list(SYSTEMS), help="default: fieldwise")
    parser.add_argument("--dataset", action="append", default=[], help="default: all")
    parser.add_argument("--limit", type=int, help="documents of each data set")
    parser.add_argument("--max-pages", type=int)
    parser.add_argument("--seconds", type=float, default=600.0, help="longest time of one document")
    parser.add_argument("--model", help="as fieldwise's --model")
    parser.add_argument("--again", action="store_true", help="run what is recorded once more")
    parser.add_argument("--recorded-only", action="store_true", help="leave out of the score what has no record yet")
    parser.add_argument("--html", type=Path, help="score: a report (of one system)")
    given = parser.parse_args()
    tasks, excluded = read_tasks(given.data, datasets=given.dataset, limit=given.limit, max_pages=given.max_pages)
    for left_out in excluded:
        print(f"not a task: {left_out.name}: {left_out.reason}")
    systems = given.system or ["fieldwise"]
    if given.command == "tasks":
        for task in tasks:
            print(task.name, json.dumps(task.groups, ensure_ascii=False))
    elif given.command == "run":
        settings = load_settings({"model": given.model})
        for system in systems:
            asyncio.run(running.run(tasks, system, given.out, settings, seconds=given.seconds, again=given.again))
    else:
        for system in systems:
            report = scoring.score(tasks, given.out, system, recorded_only=given.recorded_only)
            found = report_json(report)
            target = given.out / system / "score.json"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            print(f"== {system}: " + json.dumps({name: found[name] for name in HEADLINE}))
            Console().print(*score_tables(report))
            if given.html is not None:
                write_html(report, given.html, title=f"{system} on {given.data.name}")


if __name__ == "__main__":
    main()
