"""`fieldwise run`: the whole loop, with the person at the terminal."""

from __future__ import annotations

import click

from fieldwise.handle import RunHandle
from fieldwise.model import JsonSchema

from .inputs import STDIN, read_schema, read_words
from .options import Common
from .outcome import report_outcome
from .review import review_and_report
from .session import Session, with_session


@click.command(cls=Common, short_help="Agree on the fields of a document, then extract them.")
@click.argument("file")
@click.argument("prompt", required=False)
@click.option("--approve", is_flag=True, help="Approve the first proposal without asking.")
@click.option("--schema", "schema_file", metavar="FILE", help="Start from this JSON Schema instead of a proposal.")
@with_session
def command(session: Session, file: str, prompt: str | None, approve: bool, schema_file: str | None) -> int:
    """Read FILE, propose the fields that PROMPT asks for, let you correct them, then extract.

    FILE is - for stdin. PROMPT is what you want, in plain words; @FILE takes it from a file.

    \b
    The result is JSON on stdout; everything else is on stderr:
      fieldwise run paper.pdf "Extract the title, authors and key takeaways" > paper.json

    Without a terminal nobody is asked: the run is kept, and the exit code is 8.
    """
    if prompt is None and schema_file is None:
        raise click.UsageError('PROMPT is missing: say what you want, as in "Extract the title and the authors".')
    if (file == STDIN) + (prompt in (STDIN, "@-")) + (schema_file == STDIN) > 1:
        raise click.UsageError("Only one of FILE, PROMPT and --schema can come from stdin.")
    words = read_words(prompt, "prompt") if prompt is not None else ""
    schema = read_schema(schema_file) if schema_file is not None else None
    handle = _start(session, file, words, schema)
    if approve and handle.proposal is not None:
        with session.keeping(handle.id):
            handle = session.decide(handle, "approve", version=handle.proposal.version)
        return report_outcome(session, handle)
    return review_and_report(session, handle, after_work=True)


def _start(session: Session, file: str, prompt: str, schema: JsonSchema | None) -> RunHandle:
    with session.document(file, prompt) as path, session.progress() as view:
        return session.client.start(path, prompt, schema=schema, on_event=view.on_event)
