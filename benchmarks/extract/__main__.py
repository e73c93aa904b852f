"""`python -m benchmarks.extract run|score|table|tasks`; see the package."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from rich.console import Console

from benchmarks import record
from fieldwise.cli.console.score_table import score_tables
from fieldwise.errors import FieldwiseError
from fieldwise.evaluate.page import write_html
from fieldwise.evaluate.report import HEADLINE, report_json
from fieldwise.settings import load_settings

from . import running, scoring, table
from .sampling import read_sample, sampled
from .systems import SYSTEMS, checked
from .tasks import Task, read_tasks

DATA = Path("../shared/data")


def main() -> None:
    given = _arguments()
    try:
        tasks = _tasks(given)
        if given.command == "tasks":
            for task in tasks:
                print(task.name, json.dumps(task.groups, ensure_ascii=False))
        elif given.command == "run":
            settings = load_settings({"model": given.model})
            asyncio.run(running.run(tasks, given.system, given.out, settings, seconds=given.seconds, again=given.again))
        elif given.command == "score":
            _score(tasks, given)
        else:
            _table(tasks, given)
    except FieldwiseError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extract", description=__doc__)
    parser.add_argument("command", choices=("run", "score", "table", "tasks"))
    parser.add_argument("--data", type=Path, default=DATA, help="a folder with a MANIFEST.jsonl")
    parser.add_argument("--out", type=Path, default=Path("build/extract"), help="where records are kept")
    parser.add_argument(
        "--system",
        action="append",
        type=checked,
        metavar="SYSTEM",
        help=f"{', '.join(SYSTEMS)}; oracle+FAULT=RATE, see faults.py; default: fieldwise",
    )
    parser.add_argument("--sample", type=Path, help="a file such as benchmarks/extract/sample.json")
    parser.add_argument("--dataset", action="append", default=[], help="default: all")
    parser.add_argument("--limit", type=int, help="documents of each data set")
    parser.add_argument("--max-pages", type=int)
    parser.add_argument("--seconds", type=float, default=600.0, help="longest time of one document")
    parser.add_argument("--model", help="as fieldwise's --model")
    parser.add_argument("--again", action="store_true", help="run what is recorded once more")
    parser.add_argument("--recorded-only", action="store_true", help="leave out of the score what has no record yet")
    parser.add_argument("--html", type=Path, help="score: a report (of one system)")
    parser.add_argument("--results", type=Path, help="table: keep the results as JSON in this file")
    parser.add_argument(
        "--write", type=Path, help="table: put it in this page, between <!-- MARK --> and <!-- /MARK -->"
    )
    parser.add_argument("--mark", default="extract", help="table: MARK")
    given = parser.parse_args()
    given.system = given.system or ["fieldwise"]
    return given


def _tasks(given: argparse.Namespace) -> list[Task]:
    if given.sample is not None:
        tasks, excluded = sampled(given.data, read_sample(given.sample))
    else:
        tasks, excluded = read_tasks(given.data, datasets=given.dataset, limit=given.limit, max_pages=given.max_pages)
    for left_out in excluded:
        print(f"not a task: {left_out.name}: {left_out.reason}", file=sys.stderr)
    return tasks


def _score(tasks: list[Task], given: argparse.Namespace) -> None:
    for system in given.system:
        report = scoring.score(tasks, given.out, system, recorded_only=given.recorded_only)
        found = report_json(report)
        target = given.out / system / "score.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        print(f"== {system}: " + json.dumps({name: found[name] for name in HEADLINE}))
        Console().print(*score_tables(report))
        if given.html is not None:
            write_html(report, given.html, title=f"{system} on {given.data.name}")


def _table(tasks: list[Task], given: argparse.Namespace) -> None:
    """Print the table of what is recorded; a system without any record is left out, and named."""
    records = {system: table.read_records(given.out, system, [t.name for t in tasks]) for system in given.system}
    for system in [system for system, kept in records.items() if not kept]:
        print(f"no records of {system} in {given.out}", file=sys.stderr)
        del records[system]
    reports = {system: scoring.score(tasks, given.out, system, recorded_only=True) for system in records}
    text = table.markdown(reports, records, len(tasks))
    print(text)
    if given.results is not None:
        record.write(given.results, table.summary(reports, records))
    if given.write is not None:
        page = given.write.read_text(encoding="utf-8")
        given.write.write_text(table.written_between(page, given.mark, text), encoding="utf-8")


if __name__ == "__main__":
    main()
