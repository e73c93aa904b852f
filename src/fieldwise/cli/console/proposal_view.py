"""A proposal as a person judges it: what was asked for, what changed, what was done about it, and the fields."""

from __future__ import annotations

import difflib
from textwrap import indent

from rich.console import Group, RenderableType
from rich.text import Text

from fieldwise.handle import RunHandle
from fieldwise.model import SchemaVersion
from fieldwise.propose import SchemaDiff, diff_schemas

from .safe import dump_json, one_line, safe
from .schema_table import heading, schema_table

_SIGNS = {"added": "+", "removed": "-", "renamed": "→", "moved": "→", "changed": "~", "reordered": "↕"}
_STYLES = {"+": "green", "-": "red", "~": "yellow", "→": "cyan", "↕": "cyan"}


def proposal_view(handle: RunHandle, version: SchemaVersion | None = None) -> RenderableType:
    """Return everything about a version (the newest, if none is given), feedback and diff before the fields."""
    version = version or handle.proposal
    if version is None:
        return Text("There is no proposal yet.")
    parts: list[RenderableType] = [Text(""), heading(version, handle.run.file_name)]
    if version.feedback:
        parts.append(Text("You asked:" if version.origin == "revised" else "With it was said:", style="dim"))
        parts.append(Text(indent(safe(version.feedback), "  ")))
    marks: dict[str, str] = {}
    told: set[str] = set()
    if (earlier := _parent(handle, version)) is not None:
        changes = diff_schemas(earlier.schema, version.schema)
        marks = {change.path: _SIGNS[change.kind] for change in changes.changes if change.kind != "removed"}
        parts.append(_changes(changes, earlier))
        told = {str(change)[2:] for change in changes.changes}
    if notes := [note for note in version.notes if note not in told]:
        parts.append(Text("Notes:", style="dim"))
        parts.extend(Text(f"  · {one_line(note, 400)}") for note in notes)
    parts.append(schema_table(version.schema, version.evidence, marks=marks))
    return Group(*parts)


def difference(handle: RunHandle, version: SchemaVersion | None = None, *, whole: bool = False) -> RenderableType:
    """Return what changed since the version before, field by field; `whole` adds the lines of the JSON."""
    version = version or handle.proposal
    earlier = _parent(handle, version) if version else None
    if version is None or earlier is None:
        return Text("This is the first version: there is nothing to compare it with.")
    parts: list[RenderableType] = [_changes(diff_schemas(earlier.schema, version.schema), earlier)]
    if whole:
        parts.append(_json_lines(earlier, version))
    return Group(*parts)


def _changes(changes: SchemaDiff, earlier: SchemaVersion) -> RenderableType:
    if not changes:
        return Text(f"Nothing changed since version {earlier.version}.", style="yellow")
    lines: list[RenderableType] = [Text(f"Changed since version {earlier.version}:", style="dim")]
    for change in changes.changes:
        line = Text(f"  {one_line(change, 400)}")
        line.stylize(_STYLES[_SIGNS[change.kind]], 2, 3)
        lines.append(line)
    return Group(*lines)


def _json_lines(earlier: SchemaVersion, version: SchemaVersion) -> RenderableType:
    old, new = (dump_json(v.schema).splitlines() for v in (earlier, version))
    lines = difflib.unified_diff(old, new, f"version {earlier.version}", f"version {version.version}", lineterm="", n=2)
    styles = {"+": "green", "-": "red", "@": "cyan"}
    return Group(*(Text(line, style=styles.get(line[:1], "")) for line in lines))


def _parent(handle: RunHandle, version: SchemaVersion) -> SchemaVersion | None:
    number = version.parent if version.parent is not None else version.version - 1
    return next((v for v in handle.schemas if v.version == number), None)
