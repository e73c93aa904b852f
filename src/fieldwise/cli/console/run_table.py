"""Runs as a person looks through them, and a run's journal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fieldwise.model import Run, RunStatus
from fieldwise.model.events import Event

from .safe import dump_json, one_line

_STYLES = {
    RunStatus.AWAITING_REVIEW: "bold yellow",
    RunStatus.COMPLETED: "green",
    RunStatus.FAILED: "red",
    RunStatus.REJECTED: "dim",
    RunStatus.CANCELLED: "dim",
}


def run_table(runs: Iterable[Run]) -> Table:
    """Return one row a run. Ids are not broken, so that they can be copied (80 columns are enough for that)."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Run", no_wrap=True)
    table.add_column("Status", overflow="fold", min_width=9)
    table.add_column("Document", overflow="fold", min_width=8)
    table.add_column("Prompt", overflow="fold", min_width=12)
    table.add_column("Created", overflow="fold", min_width=10)
    for run in runs:
        table.add_row(
            Text(run.id),
            Text(status_words(run), style=_STYLES.get(run.status, "")),
            Text(one_line(run.file_name, 60)),
            Text(one_line(run.prompt, 90)),
            Text(local_time(run.created_at)),
        )
    return table


def run_heading(run: Run, *, interrupted_hint: str = "") -> RenderableType:
    """Return what is known of a run above its proposal or result."""
    lines = [
        Text(run.id, style="bold").append(f"  {status_words(run)}", style=_STYLES.get(run.status, "")),
        Text(f"{one_line(run.file_name, 200)}, {local_time(run.created_at)}"),
        Text(f"“{one_line(run.prompt, 500)}”" if run.prompt else ""),
    ]
    if run.error:
        lines.append(Text(one_line(f"{run.error.get('message', '')} {run.error.get('next_step', '')}"), style="red"))
    if interrupted_hint:
        lines.append(Text(interrupted_hint))
    return Group(*lines)


def journal_table(events: Iterable[Event]) -> Table:
    """Return what happened, in order, each with its facts on one line."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("#", justify="right")
    table.add_column("At", no_wrap=True)
    table.add_column("Event", no_wrap=True)
    table.add_column("Facts", overflow="fold")
    for event in events:
        facts = one_line(dump_json(event.data, compact=True), 300) if event.data else ""
        table.add_row(Text(str(event.seq)), Text(local_time(event.at, seconds=True)), Text(event.type), Text(facts))
    return table


def status_words(run: Run) -> str:
    words = run.status.value.replace("_", " ")
    return f"{words} (interrupted)" if run.interrupted else words


def local_time(moment: datetime, *, seconds: bool = False) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")
