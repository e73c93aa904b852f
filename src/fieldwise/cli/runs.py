"""`fieldwise runs`: what there is."""

from __future__ import annotations

import click

from fieldwise import wire
from fieldwise.model import RunStatus

from .console.run_table import run_table
from .options import Common
from .session import Session, with_session


@click.command(cls=Common, short_help="List the runs.")
@click.option("--status", type=click.Choice([s.value for s in RunStatus]), help="Only runs of this status.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many.")
@with_session
def command(session: Session, status: str | None, limit: int) -> int:
    """List the runs, newest first."""
    found = session.client.runs(status=RunStatus(status) if status else None, limit=limit)
    if session.options.json:
        session.output.json([wire.run_json(run) for run in found])
    elif found:
        session.output.show(run_table(found))
    else:
        session.talk.remark('There are no runs. Start one: fieldwise run FILE "what you want from it"')
    return 0
