"""What the model is asked. The document stands before it (see `fieldwise.prompting`); this is the part that changes."""

from __future__ import annotations

import json

from fieldwise.model import JsonSchema
from fieldwise.prompting import defuse

from .shape import asked, outline

_RULES = """\
- Copy each value exactly as the document prints it, without its label. Never compute, complete or invent a value.
- A value that the document does not give is null. A field gets its own value, never that of another field.
- A list has one entry for each entry of the document, in the document's order, all of them, none twice; [] if none."""


def extraction_task(schema: JsonSchema, prompt: str, *, constrained: bool) -> str:
    """Ask for the values of all fields of `schema`; for models that nothing else holds to the form, spell it out."""
    parts = [
        "Extract the values of these fields from the document as one JSON object.",
        "",
        outline(schema),
        "",
        _RULES,
    ]
    if prompt.strip():
        parts += ["", "What the reader asked for:", f"<request>\n{defuse(prompt.strip())}\n</request>"]
    if not constrained:
        form = json.dumps(asked(schema, schema), ensure_ascii=False, separators=(",", ":"))
        parts += ["", "Answer with JSON that is valid against this JSON Schema, and nothing else:", form]
    return "\n".join(parts)


def retry_note(problems: list[str]) -> str:
    """Say what was wrong with the answer before."""
    listed = "\n".join(f"- {problem}" for problem in problems[:12])
    return f"An earlier answer could not be used:\n{listed}\nAnswer again, with these mended; null where not given."


def table_task(name: str, description: str, item: JsonSchema, samples: list[str]) -> str:
    """Ask which of a document's tables is a list of records, if any."""
    shown = "\n\n".join(f"T{n}:\n{defuse(sample)}" for n, sample in enumerate(samples, 1))
    said = f" ({' '.join(description.split())})" if description else ""
    return "\n".join(
        [
            "Tables of a document, each with its heading and first rows:",
            shown,
            "",
            f"Wanted is the list `{name}`{said}. Its entries have these fields:",
            outline(item),
            "",
            f"Which table has one row for each entry of `{name}`? Answer none if its rows are something else.",
        ]
    )


def columns_task(name: str, item: JsonSchema, columns: str) -> str:
    """Ask which column of a table holds which field of a list's records."""
    return "\n".join(
        [
            "The columns of a table of a document, each with its heading and its first values:",
            defuse(columns),
            "",
            f"Each row of the table is one entry of `{name}`, with these fields:",
            outline(item),
            "",
            "Name for each field the column that holds its values, by heading and by values, "
            "or null where none does. No column is used twice.",
        ]
    )


def entries_task(name: str, item: JsonSchema, blocks: list[str]) -> str:
    """Ask for fields of a list's entries that no column holds, from each entry's own text."""
    numbered = "\n".join(f"[{n}] {defuse(block)}" for n, block in enumerate(blocks, 1))
    return "\n".join(
        [
            f"Entries of `{name}` in a document, {len(blocks)} in all:",
            numbered,
            "",
            "Give for each entry, in this order, these fields:",
            outline(item),
            "",
            "Copy each value exactly as the entry has it, without its label; null where the entry does not give it.",
        ]
    )
