"""What a run has come to, as output and exit code: the one place, so that run, review and decide agree."""

from __future__ import annotations

from fieldwise import wire
from fieldwise.errors import FieldwiseError, RunCancelled, RunError, RunRejected
from fieldwise.handle import RunHandle
from fieldwise.model import Extraction, RunStatus

from .console.extraction_table import extraction_view
from .console.safe import one_line
from .session import Session, continue_command

DONE = 0
INCOMPLETE = 5
WAITING = 8


def report_outcome(session: Session, handle: RunHandle) -> int:
    """Print the result, or say what the run waits for. Raises RunError or its like for one that ended."""
    if handle.status is RunStatus.COMPLETED and handle.result is not None:
        return report_extraction(session, handle.result)
    if handle.status is RunStatus.AWAITING_REVIEW:
        return report_waiting(session, handle)
    raise _ended(handle)


def report_extraction(session: Session, extraction: Extraction) -> int:
    """Print the extraction as JSON; at a terminal, show it as a table beside it."""
    session.output.json(wire.extraction_json(extraction))
    talk = session.talk
    shown = talk.console.is_terminal and not talk.quiet
    if shown:
        talk.show(extraction_view(extraction))
    if extraction.agent_id:
        talk.remark(f"Use it again: fieldwise extract FILE --agent {extraction.agent_id}")
    if shown:
        return exit_code(extraction)
    if extraction.status == "incomplete":
        talk.tell(
            f"Incomplete: something is known to be missing ({len(extraction.issues)} "
            f"issue{'s' if len(extraction.issues) != 1 else ''} in the result)."
        )
    elif extraction.status == "unverified":
        talk.tell("Unverified: nothing shows a loss, but completeness could not be checked.")
    return exit_code(extraction)


def exit_code(extraction: Extraction) -> int:
    return INCOMPLETE if extraction.status == "incomplete" else DONE


def report_waiting(session: Session, handle: RunHandle) -> int:
    """Say how to go on with a run that waits for a person; with --json also as data."""
    version = handle.proposal.version if handle.proposal else 0
    if session.options.json:
        session.output.json({**run_json(handle), "continue": continue_command(handle.id)})
    session.talk.tell(f"Run {handle.id} waits for your review of version {version}.")
    session.talk.tell(f"Continue with: {continue_command(handle.id)}")
    session.talk.tell(f"From a script: fieldwise decide {handle.id} approve --version {version}")
    return WAITING


def run_json(handle: RunHandle) -> dict[str, object]:
    """Return a run as `show --json` prints it: with its proposal while it waits, with its extraction once it is done.

    The extraction's keys stand beside the run's, but for `status`, which both have: the run's is `status`, the
    extraction's is `extraction_status`.
    """
    body = wire.run_json(handle.run)
    if handle.result is not None:
        extraction = wire.extraction_json(handle.result)
        return {**extraction, **body, "extraction_status": extraction["status"]}
    if handle.status is RunStatus.AWAITING_REVIEW and handle.proposal is not None:
        return {**body, "proposal": wire.proposal_json(handle.proposal)}
    return body


def _ended(handle: RunHandle) -> FieldwiseError:
    run_id = handle.id
    if handle.status is RunStatus.REJECTED:
        return RunRejected(f"Run {run_id} was rejected.", next_step="Start a new one with other words.", run_id=run_id)
    if handle.status is RunStatus.CANCELLED:
        return RunCancelled(f"Run {run_id} was cancelled.", next_step="Start a new one.", run_id=run_id)
    if handle.status is RunStatus.FAILED:
        told = one_line((handle.error or {}).get("message", "no reason was kept"))
        return RunError(
            f"Run {run_id} failed: {told}", next_step=f"Try again: {continue_command(run_id)}", run_id=run_id
        )
    return RunError(
        f"Run {run_id} is {handle.status.value.replace('_', ' ')}, in this or another process.",
        next_step=f"Look again: fieldwise show {run_id}",
        run_id=run_id,
    )
