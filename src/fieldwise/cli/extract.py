"""`fieldwise extract`: files through an agreed schema, without a loop."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import click

from fieldwise import wire
from fieldwise.client import BatchItem
from fieldwise.errors import FieldwiseError
from fieldwise.model import JsonSchema, Progress

from .complete import agent_names
from .console.progress import ProgressView
from .console.safe import one_line
from .failure import error_json, paragraph
from .inputs import STDIN, read_schema, read_words
from .options import Common
from .outcome import DONE, INCOMPLETE, exit_code, report_extraction
from .session import Session, with_session

FAILED = 1


@click.command(cls=Common, short_help="Extract the fields of an agent or a schema from files.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--agent", metavar="NAME", shell_complete=agent_names, help="The agent whose schema is used: name or id.")
@click.option("--schema", "schema_file", metavar="FILE", help="A JSON Schema to use.")
@click.option("--prompt", help="What is wanted beside the schema, in plain words (@FILE for a longer text).")
@click.option(
    "--format", "form", type=click.Choice(["json", "jsonl"]), help="Default: jsonl for several files, json for one."
)
@with_session
def command(
    session: Session,
    files: tuple[str, ...],
    agent: str | None,
    schema_file: str | None,
    prompt: str | None,
    form: str | None,
) -> int:
    """Extract from each FILE with the schema of --agent or --schema; nothing is asked.

    \b
      fieldwise extract invoices/*.pdf --agent invoice -o invoices.jsonl

    One file gives the extraction as JSON. Several give one line of JSON each, with "file" added; a file that fails has
    "error" in its line, and the others go on. - stands for a document on stdin.
    """
    if (agent is None) == (schema_file is None):
        raise click.UsageError("Name either --agent or --schema.")
    if STDIN in files and (len(files) > 1 or schema_file == STDIN):
        raise click.UsageError("A document on stdin is taken alone.")
    asked: dict[str, Any] = {"agent": agent} if agent is not None else {"schema": _schema(schema_file)}
    asked["prompt"] = read_words(prompt, "prompt") if prompt is not None else None
    form = form or ("json" if session.options.json else _form_of_output(session)) or ("jsonl" if files[1:] else "json")
    if len(files) == 1 and form == "json":
        return _extract_one(session, files[0], asked)
    if form == "jsonl":
        with session.output.lines() as write:
            return _extract_many(session, files, asked, write)
    items: list[object] = []
    code = _extract_many(session, files, asked, items.append)
    session.output.json(items)
    return code


def _extract_one(session: Session, file: str, asked: dict[str, Any]) -> int:
    with session.document(file) as path, session.progress() as view:
        extraction = session.client.extract(path, on_event=view.on_event, **asked)
    return report_extraction(session, extraction)


def _extract_many(session: Session, files: tuple[str, ...], asked: dict[str, Any], write: Any) -> int:
    codes: list[int] = []
    failed = incomplete = 0
    try:
        with session.progress() as view:
            for item in session.client.extract_many(_announced(files, view), **asked):
                write(_item_json(item))
                codes.append(_code(item))
                if item.error is not None:
                    failed += 1
                    session.talk.tell(f"{one_line(item.file)}: {paragraph(item.error)}")
                elif codes[-1] == INCOMPLETE:
                    incomplete += 1
                    session.talk.tell(f"{one_line(item.file)}: incomplete, see its issues")
    except KeyboardInterrupt:
        rest = " ".join(shlex.quote(file) for file in files[len(codes) :][:3])
        session.talk.tell(f"\nInterrupted after {len(codes)} of {len(files)} files; go on from: {rest}")
        raise
    session.talk.remark(
        f"{len(files)} files: {len(files) - failed} extracted, {incomplete} incomplete, {failed} failed."
    )
    errors = {code for code in codes if code not in (DONE, INCOMPLETE)}
    if errors:
        return errors.pop() if len(errors) == 1 else FAILED
    return INCOMPLETE if incomplete else DONE


def _announced(files: tuple[str, ...], view: ProgressView) -> Iterator[str]:
    # The client takes the next file only when it begins with it.
    for number, file in enumerate(files, start=1):
        view.on_event(
            Progress(stage="extract", message=f"Extracting from {file}", done=number, total=len(files), unit="files")
        )
        yield file


def _item_json(item: BatchItem) -> dict[str, object]:
    if item.extraction is not None:
        return {"file": item.file, **wire.extraction_json(item.extraction)}
    return {"file": item.file, "error": error_json(item.error or FieldwiseError("nothing came back"))}


def _code(item: BatchItem) -> int:
    if item.extraction is not None:
        return exit_code(item.extraction)
    return item.error.exit_code if item.error is not None else FAILED


def _schema(argument: str | None) -> JsonSchema:
    return read_schema(argument) if argument is not None else {}


def _form_of_output(session: Session) -> str | None:
    suffix = session.options.output.suffix.lower() if session.options.output else ""
    return {".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl"}.get(suffix)
