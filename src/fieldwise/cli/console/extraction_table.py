"""An extraction as a person reads it: every value with its page and how well it was found there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fieldwise.model import Extraction, Usage
from fieldwise.model.schema import escape

from .safe import one_line

MOST_ROWS = 300
_STYLES = {"exact": "green", "normalized": "green", "fuzzy": "yellow", "derived": "cyan"}


def extraction_view(extraction: Extraction) -> RenderableType:
    """Return the table of values, the status with what it means, the issues and what it cost."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Field", overflow="fold", ratio=2, min_width=12)
    table.add_column("Value", overflow="fold", ratio=4)
    table.add_column("Page", justify="right", no_wrap=True)
    table.add_column("Match", no_wrap=True)
    rows = list(islice(leaves(extraction.data), MOST_ROWS + 1))
    for path, value in rows[:MOST_ROWS]:
        citation = extraction.cite(path)
        match: str = "not found" if citation is None or citation.match == "none" else citation.match
        if value is None or value in ("", [], {}):
            match = ""
        table.add_row(
            Text(one_line(path.lstrip("/"), 200)),
            Text(show_value(value)),
            Text(str(citation.page) if citation else ""),
            Text(match, style=_STYLES.get(match, "dim")),
        )
    parts: list[RenderableType] = [table]
    if len(rows) > MOST_ROWS:
        parts.append(Text(f"… only the first {MOST_ROWS} values are shown here; all of them are in the JSON."))
    parts.append(status_line(extraction))
    parts.extend(
        Text(f"  {one_line(issue.path or 'whole document', 120)}: {one_line(issue.message, 400)} [{issue.code}]")
        for issue in extraction.issues[:20]
    )
    if len(extraction.issues) > 20:
        parts.append(Text(f"  … and {len(extraction.issues) - 20} more issues, in the JSON."))
    parts.append(Text(usage_line(extraction.usage), style="dim"))
    return Group(*parts)


def status_line(extraction: Extraction) -> Text:
    """Return the status and what it means."""
    meaning, style = {
        "complete": ("every part was read, counted and cited", "bold green"),
        "incomplete": ("something is known to be missing", "bold red"),
        "unverified": ("nothing shows a loss, but it could not be checked", "bold yellow"),
    }[extraction.status]
    return Text(f"Status: {extraction.status}", style=style).append(f" ({meaning})", style="not bold")


def usage_line(usage: Usage) -> str:
    """Say what it cost: `3 model calls, 4,210 tokens read (3,900 from the cache), 512 written, 41 s`."""
    calls = f"{usage.calls} model call{'s' if usage.calls != 1 else ''}"
    cached = f" ({usage.cached_tokens:,} from the cache)" if usage.cached_tokens else ""
    return (
        f"{calls}, {usage.input_tokens:,} tokens read{cached}, {usage.output_tokens:,} written, {usage.seconds:.1f} s"
    )


def leaves(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf with its pointer; an empty list or object is a leaf too, for it says that there is nothing."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from leaves(value, f"{path}/{escape(str(key))}")
    elif isinstance(data, list) and data:
        for index, value in enumerate(data):
            yield from leaves(value, f"{path}/{index}")
    else:
        yield path, data


def show_value(value: Any) -> str:
    """Write a leaf for a table cell."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value == [] or value == {}:
        return "(none)"
    return one_line(value, 300)
