"""`fieldwise decide`: an answer to a proposal, from a script."""

from __future__ import annotations

from typing import Any

import click

from fieldwise.errors import NotAwaitingReview

from .complete import run_ids
from .inputs import read_schema, read_words
from .options import Common
from .outcome import report_outcome
from .session import Session, continue_command, with_session

KINDS = ("approve", "revise", "edit", "reject")


@click.command(cls=Common, short_help="Answer a proposal from a script.")
@click.argument("run", shell_complete=run_ids)
@click.argument("decision", type=click.Choice(KINDS), metavar="|".join(KINDS))
@click.argument("text", required=False, metavar="[TEXT|FILE]")
@click.option("--version", type=click.IntRange(min=1), help="The version that this answers. Default: the newest.")
@with_session
def command(session: Session, run: str, decision: Any, text: str | None, version: int | None) -> int:
    """Answer the proposal of RUN, and work on to the next pause.

    \b
      approve              extract with the proposed schema
      revise TEXT          have the model change it (@FILE or - for a longer text)
      edit FILE            put the JSON Schema in FILE in its place (- for stdin)
      reject               end the run

    Exit code 8: a new proposal waits. 0 or 5: the extraction is done and printed. A script that looked at a proposal
    names its --version: should a newer one wait by then, the decision is refused.
    """
    needs_text = {"revise": "TEXT with what to change", "edit": "FILE with the new schema"}.get(decision)
    if needs_text and text is None:
        raise click.UsageError(f"{decision} needs {needs_text}.")
    if not needs_text and text is not None:
        raise click.UsageError(f"{decision} takes no text; to say what should change, use revise.")
    handle = session.client.get(run)
    newest = handle.proposal.version if handle.proposal else 0
    if not (version or newest):
        raise NotAwaitingReview(
            f"Run {handle.id} is {handle.status.value}: it has no proposal to decide on yet.",
            next_step=f"Take it up with: {continue_command(handle.id)}",
            run_id=handle.id,
        )
    answer: dict[str, Any] = {}
    if decision == "revise" and text is not None:
        answer["feedback"] = read_words(text, "feedback")
    if decision == "edit" and text is not None:
        answer["schema"] = read_schema(text)
    with session.keeping(handle.id):
        handle = session.decide(handle, decision, version=version or newest, **answer)
        return report_outcome(session, handle)
