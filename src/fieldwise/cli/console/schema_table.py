"""A schema as a person reads it: a table of fields, and what changed since the version commented on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from rich import box
from rich.table import Table
from rich.text import Text

from fieldwise.model import FieldEvidence, JsonSchema, SchemaVersion, type_name, walk_fields

from .safe import one_line

# A schema that refers to itself unfolds without end; nobody reads more rows than this.
MOST_ROWS = 400


def schema_table(
    schema: JsonSchema, evidence: Iterable[FieldEvidence] = (), *, marks: Mapping[str, str] | None = None
) -> Table:
    """Return the fields with type, required, description and, where found, an example with its page.

    `marks` gives the sign of change (`+`, `~`, `→`) by field path and adds a column for it.
    """
    examples = {item.path: item for item in evidence if item.citation is not None}
    marks = marks or {}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    if marks:
        table.add_column("", width=1)
    table.add_column("Field", overflow="fold", ratio=3, min_width=12)
    table.add_column("Type", overflow="fold", min_width=6)
    table.add_column("Req.", justify="center", no_wrap=True)
    table.add_column("Description", overflow="fold", ratio=4)
    table.add_column("Example in the document", overflow="fold", ratio=3)
    fields = list(islice(walk_fields(schema), MOST_ROWS + 1))
    for field in fields[:MOST_ROWS]:
        mark = marks.get(field.path, "")
        cells = [
            Text("  " * field.depth + one_line(field.name, 120), style="bold"),
            Text(one_line(type_name(field.schema), 60)),
            Text("yes" if field.required else ""),
            Text(one_line(field.schema.get("description", ""), 300)),
            _example(examples.get(field.path)),
        ]
        table.add_row(*([Text(mark), *cells] if marks else cells))
    if len(fields) > MOST_ROWS:
        rest = Text("… more fields: see the JSON", style="dim")
        table.add_row(*([Text(""), rest] if marks else [rest]))
    return table


def heading(version: SchemaVersion, file_name: str) -> Text:
    """Return the line above a proposal: which version of what it is, and where it came from."""
    origin = {"proposed": "proposed by the model", "revised": "revised by the model", "edited": "edited by hand"}
    told = origin.get(version.origin, "given with the run")
    return Text(f"Version {version.version} for {one_line(file_name, 120)}, {told}", style="bold")


def _example(evidence: FieldEvidence | None) -> Text:
    if evidence is None or evidence.citation is None:
        return Text("")
    return Text(one_line(evidence.example, 80)).append(f"  p.\u00a0{evidence.citation.page}", style="dim")
