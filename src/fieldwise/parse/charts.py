"""The data behind a chart of an Office document: its series as a table, from the values that the file caches."""

from __future__ import annotations

from typing import NamedTuple
from xml.etree.ElementTree import Element

from .displayed import display
from .flow import FlowCell, FlowWriter
from .markup import child, children, descendants, local

# No chart that a person reads has more points; the cache of a hostile one may claim any index.
_MOST_POINTS = 100_000


class Series(NamedTuple):
    name: str
    categories: dict[int, str]
    values: dict[int, str]


def write_chart(writer: FlowWriter, root: Element, anchor: str) -> bool:
    """Write title and data of a chart part; return False where the file holds no values for it."""
    titles = [_text(title) for title in descendants(root, "title")]
    if titles and titles[0]:
        writer.text("caption", titles[0], anchor=anchor)
    # Axes tell what the numbers are.
    for title in titles[1:]:
        writer.text("caption", title, anchor=anchor)
    for label in descendants(root, "dLbl"):  # one that was written by hand, beside its point
        writer.text("caption", _text(child(label, "tx", "rich")), anchor=anchor)
    series = [_series(element, number) for number, element in enumerate(descendants(root, "ser"), 1)]
    if not any(its.values for its in series):
        return False
    # Charts of several kinds may count the categories of each differently; those that agree share a table.
    groups: list[list[Series]] = []
    for its in series:
        if groups and groups[-1][0].categories == its.categories:
            groups[-1].append(its)
        else:
            groups.append([its])
    for group in groups:
        points = sorted({index for its in group for index in (*its.categories, *its.values)})
        cells = [FlowCell(0, 0, "", header=True)]
        cells += [FlowCell(0, column, its.name, header=True) for column, its in enumerate(group, 1)]
        for row, index in enumerate(points, 1):
            cells.append(FlowCell(row, 0, group[0].categories.get(index, str(index + 1))))
            cells += [FlowCell(row, column, its.values.get(index, "")) for column, its in enumerate(group, 1)]
        writer.table(cells, anchor=anchor)
    return True


def _series(element: Element, number: int) -> Series:
    name = child(element, "tx")
    categories = child(element, "cat")
    categories = categories if categories is not None else child(element, "xVal")
    values = child(element, "val")
    values = values if values is not None else child(element, "yVal")
    sizes = _points(child(element, "bubbleSize"))
    found = _points(values)
    if sizes:
        found = {index: f"{text} ({sizes.get(index, '')})" for index, text in found.items()}
    return Series(" ".join(_points(name).values()) or _text(name) or f"Series {number}", _points(categories), found)


def _points(element: Element | None) -> dict[int, str]:
    if element is None:
        return {}
    code = next((found.text or "" for found in descendants(element, "formatCode")), "General")
    found: dict[int, str] = {}
    # Categories of several levels are listed from the innermost out; a reader sees them from the outermost in.
    levels = list(descendants(element, "lvl")) or [element]
    for level in reversed(levels):
        for point in descendants(level, "pt"):
            index = point.get("idx", "")
            value = "".join(v.text or "" for v in children(point, "v"))
            if index.isdigit() and int(index) < _MOST_POINTS and value:
                before = found.get(int(index))
                shown = _shown(value, point.get("formatCode") or code) if level is element else value
                found[int(index)] = f"{before} / {shown}" if before else shown
    if not found:
        found = dict(enumerate(v.text for v in descendants(element, "v") if v.text))
    return found


def _shown(value: str, code: str) -> str:
    try:
        return display(float(value), code).text
    except (ValueError, OverflowError):
        return value


def _text(element: Element | None) -> str:
    if element is None:
        return ""
    paragraphs = ["".join(t.text or "" for t in p.iter() if local(t.tag) == "t") for p in descendants(element, "p")]
    return " ".join(p for p in paragraphs if p) or " ".join(_cached(element))


def _cached(element: Element) -> list[str]:
    return [v.text for v in descendants(element, "v") if v.text]
