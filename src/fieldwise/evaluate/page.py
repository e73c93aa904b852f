"""The report as one HTML file: no script, no request, everything from files escaped, light and dark."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from fieldwise.errors import InputError
from fieldwise.model import Document

from .drawing import reliability_svg, snippet_svg
from .report import LOWER_IS_BETTER, DocumentResult, FieldResult, Report
from .scores import Cell
from .statistics import Estimate
from .style import STYLE

FindDocument = Callable[[DocumentResult], Document | None]

WRONG_SHOWN = 150
"""Of one document; the CSV has them all."""
SNIPPETS_SHOWN = 400
_VALUE_SHOWN = 400

LABELS: Mapping[str, tuple[str, str]] = {
    "value_f1": ("Value F1", "cells that match, of all given and all wanted"),
    "value_f1_strict": ("Value F1, strict", "the same, to the letter but for spacing and the spelling of dates"),
    "record_recall": ("Record recall", "wanted records of which 80 % of the cells match"),
    "record_precision": ("Record precision", "given records of which 80 % of the cells match"),
    "page_f1": ("Page F1", "right values that cite the right page"),
    "word_f1": ("Word F1", "right values whose box overlaps the true one by half"),
    "silent_loss_rate": ("Silent loss", "documents with lost records that do not say so"),
    "value_precision": ("Value precision", "given cells that match"),
    "value_recall": ("Value recall", "wanted cells that match"),
    "count_error": ("Record count error", "difference of the numbers of records"),
    "anls": ("ANLS*", "similarity of free text"),
    "omission_rate": ("Omitted values", "wanted values for which nothing is given"),
    "hallucination_rate": ("Invented values", "fields without a value for which one is given"),
    "support_rate": ("Support rate", "values that their quotes hold"),
    "failed_rate": ("Failed documents", "no usable output"),
    "auroc": ("AUROC", "does confidence rank right above wrong"),
    "ece": ("ECE", "distance of confidence from accuracy"),
    "review_yield": ("Review yield", "cells that need no review at 99 % precision"),
}


def write_html(
    report: Report, path: Path, *, title: str = "Evaluation", find_document: FindDocument = lambda document: None
) -> None:
    """Write the report to `path`. `find_document` gives the parsed document for page snippets, where there is one.

    Raises InputError where the file cannot be written.
    """
    text = render_html(report, title=title, find_document=find_document)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.", next_step="Name another file.") from None


def render_html(report: Report, *, title: str, find_document: FindDocument = lambda document: None) -> str:
    """Return the page."""
    sections = [
        _headline(report),
        _groups(report),
        _fields(report),
        _confidence(report),
        _cost(report),
        _wrong(report, find_document),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<header><h1>{escape(title)}</h1><p>{_count(len(report.documents), 'document')}, "
        f"{_count(sum(d.score.counts.gold for d in report.documents), 'cell')}. Means over documents; in brackets the "
        f"95 % interval over {report.resamples:,} resamples (seed {report.seed}).</p></header>"
        + "".join(filter(None, sections))
        + "</main></body></html>\n"
    )


def _headline(report: Report) -> str:
    cards = []
    for name, found in report.overall.items():
        if found is None:
            continue
        label, meaning = LABELS[name]
        interval = f"<span>[{found.low * 100:.1f} – {found.high * 100:.1f}]</span>" if found.n > 1 else ""
        cards.append(
            f'<div class="card {_grade(name, found.mean)}"><b>{_percent(found.mean)}</b>{interval}'
            f"<h3>{escape(label)}</h3><p>{escape(meaning)}</p></div>"
        )
    return f'<section class="cards">{"".join(cards)}</section>'


def _groups(report: Report) -> str:
    shown = (
        "value_f1",
        "value_f1_strict",
        "record_recall",
        "record_precision",
        "page_f1",
        "word_f1",
        "silent_loss_rate",
    )
    parts = []
    for kind, groups in report.groups.items():
        head = "".join(f'<th class="n">{escape(LABELS[name][0])}</th>' for name in shown)
        rows = "".join(
            f'<tr><th scope="row">{escape(value)}</th><td class="n">{group.documents}</td>'
            + "".join(f'<td class="n">{_interval(group.metrics[name])}</td>' for name in shown)
            + "</tr>"
            for value, group in groups.items()
        )
        parts.append(
            f"<h2>By {escape(kind)}</h2><div class=wide><table><thead><tr><th>{escape(kind)}</th>"
            f'<th class="n">Documents</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        )
    return f"<section>{''.join(parts)}</section>" if parts else ""


def _fields(report: Report) -> str:
    """The fields that have mistakes, the weakest first; those without any are folded away."""
    weakest = sorted(report.fields, key=lambda f: f.f1.mean if f.f1 else 1.0)
    flawed = [found for found in weakest if found.f1 and found.f1.mean < 1]
    right = [found for found in weakest if not (found.f1 and found.f1.mean < 1)]
    shown = _field_table(flawed) if flawed else "<p>Every cell of every field is right.</p>"
    folded = (
        f"<details><summary>{_count(len(right), 'field')} without a mistake</summary>{_field_table(right)}</details>"
        if right
        else ""
    )
    return f"<section><h2>Fields, the weakest first</h2>{shown}{folded}</section>"


def _field_table(fields: Sequence[FieldResult]) -> str:
    rows = []
    for found in fields:
        mean = found.f1.mean if found.f1 else 1.0
        grade = "good" if mean >= 0.95 else "fair" if mean >= 0.8 else "poor"
        rows.append(
            f'<tr><th scope="row"><code>{escape(found.path)}</code></th>'
            f'<td class="bar {grade}"><i style="--full:{max(mean * 100, 1.5):.1f}%"></i></td>'
            f'<td class="n">{_interval(found.f1)}</td>'
            + "".join(
                f'<td class="n{"" if n else " zero"}">{n}</td>'
                for n in (found.matched, found.gold, found.predicted, found.omitted, found.invented)
            )
            + "</tr>"
        )
    head = "".join(f'<th class="n">{name}</th>' for name in ("F1", "Right", "Gold", "Given", "Omitted", "Invented"))
    return (
        f"<div class=wide><table><thead><tr><th>Field</th><th></th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _confidence(report: Report) -> str:
    if not report.reliability:
        return ""
    told = "".join(
        f"<div class=card><b>{_percent(value)}</b><h3>{escape(LABELS[name][0])}</h3>"
        f"<p>{escape(LABELS[name][1])}</p></div>"
        for name, value in report.pooled.items()
        if value is not None
    )
    return (
        f"<section><h2>Confidence</h2><div class=side>{reliability_svg(report.reliability)}"
        f'<div class="cards">{told}</div></div></section>'
    )


def _cost(report: Report) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name.replace("_", " "))}</th><td class="n">{found.mean:,.1f}</td>'
        f'<td class="n">{found.low:,.1f} – {found.high:,.1f}</td></tr>'
        for name, found in report.cost.items()
        if found is not None
    )
    if not rows:
        return ""
    return (
        '<section><h2>Cost of a document</h2><table><thead><tr><th></th><th class="n">Mean</th>'
        f'<th class="n">95 % interval</th></tr></thead><tbody>{rows}</tbody></table></section>'
    )


def _wrong(report: Report, find_document: FindDocument) -> str:
    left = SNIPPETS_SHOWN
    parts = []
    for number, document in enumerate(sorted(report.documents, key=lambda d: d.metrics["value_f1"] or 0.0)):
        wrong = document.wrong
        parsed = find_document(document) if wrong and left > 0 else None
        rows, drawn = _wrong_rows(document, parsed, left)
        left -= drawn
        open_now = " open" if number == 0 and wrong else ""
        parts.append(
            f"<details{open_now}><summary><span>{escape(document.name)}</span> {_document_line(document)}</summary>"
            f"{_remarks(document, parsed)}{rows}</details>"
        )
    return f"<section><h2>Documents, the weakest first</h2>{''.join(parts)}</section>"


def _document_line(document: DocumentResult) -> str:
    score = document.score
    facts = [
        f"{_percent(document.metrics['value_f1'] or 0.0)} F1",
        f"{score.counts.matched} of {score.counts.gold} cells",
    ]
    if score.gold_records:
        facts.append(f"{sum(r.found for r in score.records)} of {score.gold_records} records")
    if score.silent_loss:
        facts.append("<em>lost silently</em>")
    if score.case.prediction.status:
        facts.append(escape(score.case.prediction.status))
    return f"<small>{' · '.join(facts)}</small>"


def _remarks(document: DocumentResult, parsed: Document | None) -> str:
    lines = []
    if document.score.failed:
        lines.append(f"Scored 0: {escape(document.score.case.prediction.error)}.")
    for side, found in document.score.outside.items():
        if found:
            named = ", ".join(f"<code>{escape(p)}</code>" for p in found[:8])
            lines.append(f"The schema has no field for {side} values: {named}; not scored.")
    if not document.wrong:
        lines.append("Every cell is right.")
    elif parsed is None and document.score.case.prediction.evidence:
        lines.append("No page snippets: the document was not at hand (--documents FOLDER).")
    return "".join(f"<p>{line}</p>" for line in lines)


def _wrong_rows(document: DocumentResult, parsed: Document | None, left: int) -> tuple[str, int]:
    wrong = document.wrong
    if not wrong or document.score.failed:
        return "", 0
    drawn = 0
    rows = []
    for cell in wrong[:WRONG_SHOWN]:
        snippet = _snippet(document, cell, parsed) if drawn < left else ""
        drawn += bool(snippet)
        rows.append(
            f"<tr><td><code>{_pointer(cell)}</code></td>"
            f"<td>{_value(cell.gold, there=cell.gold_pointer is not None)}</td>"
            f"<td>{_value(cell.predicted, there=cell.predicted_pointer is not None)}</td><td>{snippet}</td></tr>"
        )
    more = f"<p>{len(wrong) - WRONG_SHOWN} more; --csv has them all.</p>" if len(wrong) > WRONG_SHOWN else ""
    return (
        "<div class=wide><table class=wrong><thead><tr><th>Cell</th><th>Expected</th><th>Got</th><th>On the page</th>"
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>{more}",
        drawn,
    )


def _snippet(document: DocumentResult, cell: Cell, parsed: Document | None) -> str:
    case = document.score.case
    given = case.prediction.evidence.get(cell.predicted_pointer or "", ())
    wanted = case.gold.evidence.get(cell.gold_pointer or "", ())
    place = next((e for e in (*given, *wanted) if e.boxes), None)
    cited = given[0] if given else None
    told = f"<small>page {cited.page}: “{escape(cited.quote[:200])}”</small>" if cited and cited.quote else ""
    if place is None or parsed is None or not 1 <= place.page <= len(parsed.pages):
        return told
    same_page = [e.boxes for e in wanted if e.page == place.page]
    marked = given[0].boxes if given and given[0].page == place.page else ()
    drawing = snippet_svg(parsed.page(place.page), marked, same_page[0] if same_page else ())
    return drawing + told


def _pointer(cell: Cell) -> str:
    """The cell's path, which may be broken before a slash."""
    return escape(cell.predicted_pointer or cell.gold_pointer or "").replace("/", "<wbr>/")


def _value(value: Any, *, there: bool) -> str:
    if not there:
        return "<i class=none>no such record</i>"
    if value is None:
        return "<i class=none>null</i>"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    shown = text if len(text) <= _VALUE_SHOWN else text[:_VALUE_SHOWN] + "…"
    return escape(shown)


def _interval(found: Estimate | None) -> str:
    if found is None:
        return ""
    interval = f" <small>[{found.low * 100:.0f} – {found.high * 100:.0f}]</small>" if found.n > 1 else ""
    return f"{_percent(found.mean)}{interval}"


def _grade(metric: str, value: float) -> str:
    good = 1 - value if metric in LOWER_IS_BETTER else value
    return "good" if good >= 0.95 else "fair" if good >= 0.8 else "poor"


def _percent(value: float) -> str:
    return f"{value * 100:.1f}"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
