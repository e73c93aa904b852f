"""`fieldwise evaluate`: how good predictions are, to the cell."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from fieldwise.errors import FieldwiseError

from .console.safe import one_line
from .inputs import read_schema
from .options import Common
from .outcome import DONE, INCOMPLETE
from .session import Session, with_session

if TYPE_CHECKING:
    from fieldwise.evaluate import Report
    from fieldwise.evaluate.report import DocumentResult
    from fieldwise.model import Document

_THRESHOLD = re.compile(r"(?P<metric>[a-z0-9_]+)=(?P<value>[0-9]*\.?[0-9]+)(?P<percent>%)?\Z")


class Threshold(NamedTuple):
    metric: str
    value: float


def _thresholds(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> tuple[Threshold, ...]:
    """Read METRIC=VALUE; the value is a share (0.9) or a percentage (90%)."""
    thresholds = []
    for text in given:
        found = _THRESHOLD.match(text.strip())
        if not found:
            raise click.BadParameter(f"{text!r} is not METRIC=VALUE, such as value_f1=0.9 or value_f1=90%.")
        number = float(found["value"])
        thresholds.append(Threshold(found["metric"], number / 100 if found["percent"] else number))
    return tuple(thresholds)


@click.command(cls=Common, short_help="Compare predictions with gold, to the cell.")
@click.argument("predictions", metavar="PRED", type=click.Path(path_type=Path))
@click.argument("gold", metavar="GOLD", type=click.Path(path_type=Path))
@click.option("--schema", "schema_file", metavar="FILE", help="The JSON Schema; without one the gold tells the types.")
@click.option("--csv", "csv_file", metavar="FILE", type=click.Path(path_type=Path), help="Write every cell to FILE.")
@click.option("--html", "html_file", metavar="FILE", type=click.Path(path_type=Path), help="Write a report to FILE.")
@click.option(
    "--documents", metavar="FOLDER", type=click.Path(path_type=Path), help="The documents, for page snippets in --html."
)
@click.option(
    "--fail-under",
    "thresholds",
    metavar="METRIC=VALUE",
    callback=_thresholds,
    multiple=True,
    help="Exit with 5 where a metric is worse; may be given several times.",
)
@with_session
def command(
    session: Session,
    predictions: Path,
    gold: Path,
    schema_file: str | None,
    csv_file: Path | None,
    html_file: Path | None,
    documents: Path | None,
    thresholds: tuple[Threshold, ...],
) -> int:
    """Compare the predictions in PRED with the true values in GOLD.

    \b
      fieldwise evaluate results.jsonl gold/ --schema invoice.json --html report.html
      fieldwise evaluate result.json gold.json --fail-under value_f1=0.9

    Both are a JSON file, a JSONL file or a folder; files are matched by name. A prediction is what run or extract
    prints, or plain data. Needs the extra: pip install "fieldwise[evaluate]".
    """
    from fieldwise.evaluate import evaluate
    from fieldwise.evaluate.files import load_cases
    from fieldwise.evaluate.report import report_json

    schema = read_schema(schema_file) if schema_file is not None else None
    if schema is not None and isinstance(schema.get("schema_definition"), dict):
        schema = schema["schema_definition"]
    matched = load_cases(predictions, gold, schema, documents)
    report = evaluate(matched.cases)
    shortfalls = _shortfalls(report, thresholds)
    if csv_file is not None:
        from fieldwise.evaluate.tables import write_csv

        write_csv(report, csv_file)
    if html_file is not None:
        from fieldwise.evaluate.page import write_html

        title = f"{predictions.name} against {gold.name}"
        write_html(report, html_file, title=title, find_document=functools.partial(_read_document, session))
    if session.options.json or (session.options.output and session.options.output.suffix.lower() == ".json"):
        session.output.json(report_json(report))
    else:
        from .console.score_table import score_tables

        session.output.show(*score_tables(report))
    _remark(session, report, matched.without_gold)
    for line in shortfalls:
        session.talk.tell(line)
    return INCOMPLETE if shortfalls else DONE


def _read_document(session: Session, document: DocumentResult) -> Document | None:
    """Return a document as it is read for extraction, to show places on its pages; None where that cannot be done."""
    path = document.score.case.document
    evidence = document.score.case.prediction.evidence or document.score.case.gold.evidence
    if path is None or not evidence:
        return None
    try:
        return session.client.parse(Path(path))
    except FieldwiseError as error:
        session.talk.tell(f"{one_line(path)}: no page snippets: {one_line(error)}")
        return None


def _shortfalls(report: Report, thresholds: tuple[Threshold, ...]) -> list[str]:
    from fieldwise.evaluate.report import LOWER_IS_BETTER

    lines = []
    for metric, wanted in thresholds:
        value = report.value(metric)
        if value is None:
            lines.append(f"{metric} cannot be measured on these files; {wanted:g} was wanted.")
        elif metric in LOWER_IS_BETTER and value > wanted + 1e-9:
            lines.append(f"{metric} is {value:.4f}, more than {wanted:g}.")
        elif metric not in LOWER_IS_BETTER and value < wanted - 1e-9:
            lines.append(f"{metric} is {value:.4f}, less than {wanted:g}.")
    return lines


def _remark(session: Session, report: Report, without_gold: tuple[str, ...]) -> None:
    if without_gold:
        names = ", ".join(one_line(n, 60) for n in without_gold[:5]) + (", ..." if len(without_gold) > 5 else "")
        session.talk.tell(f"{len(without_gold)} predictions have no gold and are not scored: {names}")
    for document in report.documents:
        outside = document.score.outside
        if outside["gold"]:
            named = ", ".join(one_line(p, 60) for p in outside["gold"][:3])
            session.talk.tell(
                f"{one_line(document.name)}: the schema has no field for gold values: {named}; not scored."
            )
        if document.score.failed:
            session.talk.tell(
                f"{one_line(document.name)}: scored 0: {one_line(document.score.case.prediction.error, 200)}"
            )
