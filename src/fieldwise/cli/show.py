"""`fieldwise show`: one run, as it is now."""

from __future__ import annotations

import click

from fieldwise import wire
from fieldwise.errors import InputError
from fieldwise.handle import RunHandle
from fieldwise.model import FINAL, RunStatus, SchemaVersion

from .complete import run_ids
from .console.extraction_table import extraction_view
from .console.proposal_view import proposal_view
from .console.run_table import journal_table, run_heading
from .options import Common
from .outcome import run_json
from .session import Session, continue_command, with_session


@click.command(cls=Common, short_help="Show one run: its proposal, or its result.")
@click.argument("run", shell_complete=run_ids)
@click.option("--schema-version", type=click.IntRange(min=1), metavar="N", help="Show version N of its schema.")
@click.option("--journal", is_flag=True, help="Show what happened to it, in order.")
@with_session
def command(session: Session, run: str, schema_version: int | None, journal: bool) -> int:
    """Show RUN: its proposal while it waits, its result with the citations once it is done."""
    if journal and schema_version is not None:
        raise click.UsageError("Ask for --journal or for --schema-version, not for both.")
    handle = session.client.get(run)
    if journal:
        _show_journal(session, handle)
    elif schema_version is not None:
        _show_version(session, handle, schema_version)
    elif session.options.json:
        session.output.json(run_json(handle))
    else:
        _show_run(session, handle)
    return 0


def _show_run(session: Session, handle: RunHandle) -> None:
    waits = handle.status is RunStatus.AWAITING_REVIEW
    takes_up = handle.run.interrupted or handle.status is RunStatus.FAILED
    parts = [run_heading(handle.run)]
    if handle.result is not None:
        parts.append(extraction_view(handle.result))
    elif handle.proposal is not None:
        parts.append(proposal_view(handle))
    session.output.show(*parts)
    if (waits or takes_up) and handle.status not in FINAL:
        session.talk.remark(f"Continue with: {continue_command(handle.id)}")


def _show_version(session: Session, handle: RunHandle, number: int) -> None:
    version = _version(handle, number)
    if session.options.json:
        session.output.json(wire.proposal_json(version))
    else:
        session.output.show(proposal_view(handle, version))


def _show_journal(session: Session, handle: RunHandle) -> None:
    events = session.client.journal(handle.id)
    if session.options.json:
        session.output.json([event.model_dump(mode="json", exclude={"run_id"}) for event in events])
    else:
        session.output.show(run_heading(handle.run), journal_table(events))


def _version(handle: RunHandle, number: int) -> SchemaVersion:
    for version in handle.schemas:
        if version.version == number:
            return version
    known = f"It has versions 1 to {len(handle.schemas)}." if handle.schemas else "It has no proposal yet."
    raise InputError(f"Run {handle.id} has no schema version {number}.", next_step=known, run_id=handle.id)
