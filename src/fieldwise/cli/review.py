"""`fieldwise review`: the runs that wait for a person, and the dialogue with one of them."""

from __future__ import annotations

import click

from fieldwise import wire
from fieldwise.handle import RunHandle
from fieldwise.model import WORKING, RunStatus

from .complete import run_ids
from .console.dialogue import MODEL_FAILURES, Review, answerable
from .console.run_table import run_table
from .console.terminal import open_terminal
from .failure import paragraph
from .options import Common
from .outcome import report_outcome
from .session import Session, continue_command, with_session


@click.command(cls=Common, short_help="List the runs that wait for you, or continue one.")
@click.argument("run", required=False, shell_complete=run_ids)
@with_session
def command(session: Session, run: str | None) -> int:
    """Continue RUN: look at its proposal and answer it. A run that was interrupted or failed is taken up first.

    Without RUN, list the runs that wait for you, and those that were interrupted or failed.
    """
    if run is None:
        return _list(session)
    handle = session.client.get(run)
    with session.keeping(handle.id):
        handle = _taken_up(session, handle)
    return review_and_report(session, handle)


def review_and_report(session: Session, handle: RunHandle, *, after_work: bool = False) -> int:
    """Let the person at the terminal, if there is one, answer until the run is done or left; return the exit code."""
    with session.keeping(handle.id):
        if answerable(handle):
            with open_terminal() as terminal:
                if terminal is not None:
                    handle = Review(session, terminal, handle, after_work=after_work).run()
        return report_outcome(session, handle)


def _taken_up(session: Session, handle: RunHandle) -> RunHandle:
    """Resume a run that stopped. Where only the model's answers failed, the last proposal may be answered anew."""
    if handle.status is RunStatus.FAILED:
        session.talk.remark(f"Run {handle.id} failed; trying again where it stopped.")
    elif handle.run.interrupted:
        session.talk.remark(f"Run {handle.id} was interrupted; taking it up where it stopped.")
    elif handle.status not in WORKING:
        return handle
    try:
        return session.resume(handle)
    except MODEL_FAILURES as error:
        stopped = session.client.get(handle.id)
        if not answerable(stopped):
            raise
        session.talk.tell(paragraph(error))
        return stopped


def _list(session: Session) -> int:
    waiting = session.client.runs(status=RunStatus.AWAITING_REVIEW)
    stopped = [
        run
        for run in session.client.runs(status=[*WORKING, RunStatus.FAILED])
        if run.interrupted or run.status is RunStatus.FAILED
    ]
    if session.options.json:
        session.output.json([wire.run_json(run) for run in (*waiting, *stopped)])
        return 0
    if not waiting and not stopped:
        session.talk.remark("Nothing waits for you.")
        return 0
    session.output.show(run_table([*waiting, *stopped]))
    first = (waiting or stopped)[0]
    session.talk.remark(f"Continue one with: {continue_command(first.id)}")
    if stopped:
        session.talk.remark("Interrupted and failed runs are taken up where they stopped in the same way.")
    return 0
