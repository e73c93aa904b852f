"""`fieldwise parse`: what a document holds, before any model sees it."""

from __future__ import annotations

import click

from fieldwise import wire

from .inputs import take_document
from .options import Common
from .session import Session, with_session


@click.command(cls=Common, short_help="Read a document: markdown, or words, boxes and tables.")
@click.argument("file")
@click.option("--fresh", is_flag=True, help="Read anew: neither look the document up in the store, nor keep it there.")
@with_session
def command(session: Session, file: str, fresh: bool) -> int:
    """Read FILE (- for stdin) and print its markdown; with --json its pages with words, boxes and tables."""
    document = take_document(file, max_mb=session.settings.max_file_mb)
    try:
        with session.progress() as view:
            parsed = session.client.parse(document.path, keep=not fresh, on_event=view.on_event)
    finally:
        document.remove_copy()
    if session.options.json:
        # Copies, so that no page keeps the words that were made of it: a text of 50 MB has ten million.
        pages = (wire.page_json(page.model_copy()) for page in parsed.pages)
        session.output.json_with(wire.document_json(parsed.model_copy(update={"pages": ()})), "pages", pages)
    else:
        session.output.text(parsed.markdown)
    for issue in parsed.issues:
        where = f"page {issue.page}: " if issue.page is not None else ""
        session.talk.tell(f"{where}{issue.message} [{issue.code}]")
    return 0
