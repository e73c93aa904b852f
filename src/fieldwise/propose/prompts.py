"""The words that proposals and revisions are asked for with. What stays the same comes first, the request last.

The examples speak of things (chess, lighthouses) that documents rarely do: a field that leaked out of them shows.
"""

from __future__ import annotations

import json

from fieldwise.model import JsonSchema, type_name, walk_fields
from fieldwise.prompting import defuse

from .locating import display_path

_DRAFT_RULES = """\
Rules:
- One field for each thing the request asks for. The name is the request's own word for it, in snake_case.
- Nothing that the request does not ask for. Only where it names no fields, choose what such a document is read for.
- Several of one thing (a plural, "all", "each") are a list: "list of strings", or "list of objects" with columns \
where each has details or they stand in rows.
- Types: date for a day; integer for a year or a number of whole things; number for an amount, a quantity or a \
measure, without its unit; \
boolean for yes or no; string for everything else, also for numbers that are codes.
- description: one short sentence that says what the value is, so that it is found in other documents too.
- required: false only for what such documents often lack."""

_FIELDS_EXAMPLES = """\
Example 1. Request: "Name of the lighthouse, first lit, its keepers, main dangers to ships"
{"fields": [{"name": "lighthouse_name", "description": "Name of the lighthouse.", "type": "string", \
"example": "Skerrow Point", "required": true}, {"name": "first_lit", "description": "Day the light was first lit.", \
"type": "date", "example": "3 May 1871", "required": true}, {"name": "keepers", "description": "Names of all \
keepers.", "type": "list of strings", "example": "Ailsa Munro", "required": true}, {"name": "main_dangers", \
"description": "What endangers ships there.", "type": "list of strings", "example": "hidden reefs", "required": true}]}
Example 2. Request: "the chess games with opening and number of moves"
{"fields": [{"name": "chess_games", "description": "The games, one each row.", "type": "list of objects", \
"required": true, "columns": [{"name": "opening", "description": "Opening that was played.", "type": "string", \
"example": "Caro-Kann", "required": true}, {"name": "moves", "description": "Number of moves of the game.", \
"type": "integer", "example": "42", "required": true}]}]}"""

EXAMPLE_NAMES = frozenset(
    ("lighthouse_name", "first_lit", "keepers", "main_dangers", "chess_games", "opening", "moves")
)

_FIELDS_TASK = f"""\
Which fields shall be extracted from documents like this one? Answer with a list of fields as JSON.
{_DRAFT_RULES}
- example: one value copied from this document as it is printed there, at most six words; "" where there is none.

{_FIELDS_EXAMPLES}

The examples are about other documents. Now the request for this one:
<request>
"""

_SCHEMA_TASK = f"""\
Write a JSON Schema (Draft 2020-12) for extracting data from documents like this one.
{_DRAFT_RULES}
- The root has "type": "object" with the fields under "properties", and "required".
- A date is {{"type": "string", "format": "date"}}.
- Give each field with a single value "examples" with one value copied from this document as it is printed there.

Write the schema between <schema> and </schema>.

<request>
"""


def fields_task(request: str) -> str:
    """The task that is answered with a field list (for models whose answers are constrained)."""
    return f"{_FIELDS_TASK}{defuse(request.strip())}\n</request>"


def schema_task(request: str) -> str:
    """The task that is answered with a JSON Schema in tags (for models whose answers are not)."""
    return f"{_SCHEMA_TASK}{defuse(request.strip())}\n</request>"


EDIT_SYSTEM = "You change lists of fields as you are told, and nothing besides. You answer with JSON only."

_EDIT_RULES = """\
You are given the fields of a schema and a change request. Write the edits that do what the request says:
{"op": "add", "into": "", "name": "...", "description": "...", "type": "...", "required": true} - "into" names the \
object or list it goes into, "" the top level; types "object" and "list of objects" take "columns"
{"op": "remove", "field": "..."}
{"op": "rename", "field": "...", "name": "new name"}
{"op": "retype", "field": "...", "type": "..."} - "list of strings" where it may have several values; with "columns" \
for objects
{"op": "require", "field": "..."} and {"op": "make_optional", "field": "..."}
{"op": "describe", "field": "...", "description": "..."} - what it means, its unit, how it is written
{"op": "enum", "field": "...", "values": ["...", "..."]} - only these values
{"op": "split", "field": "...", "parts": [...]} - one field becomes several; a list of texts gets columns
{"op": "nest", "fields": ["...", "..."], "name": "..."} - puts fields into an object
{"op": "flatten", "field": "..."} - dissolves an object
{"op": "move", "field": "...", "into": "..."}
{"op": "reorder", "field": "...", "place": "first|last|before|after", "other": "..."}
{"op": "impossible", "reason": "..."} - where none of these can do it
Types: string, integer, number, boolean, date, list of strings, list of numbers, list of objects, object.
Fields are named as in the list, with dots. One point for each thing that is wanted, "asked" in the request's words."""

_EDIT_EXAMPLES = """\
Example 1. Fields:
lighthouse_name: string, required
keepers: list of strings, required
Change request: keepers with name and years of service, and the height in meters
{"points": [{"asked": "keepers with name and years of service", "edits": [{"op": "split", "field": "keepers", \
"parts": [{"name": "name", "description": "Name of the keeper.", "type": "string", "required": true}, \
{"name": "years_of_service", "description": "Years the keeper served.", "type": "integer", "required": true}]}]}, \
{"asked": "the height in meters", "edits": [{"op": "add", "into": "", "name": "height", "description": \
"Height of the tower in meters.", "type": "number", "required": true}]}]}
Example 2. Fields:
chess_games: list of objects, required
chess_games.opening: string, required
chess_games.moves: integer, required
arbiter: string, required
Change request: call the opening "first_moves", several arbiters are possible, moves are not always there
{"points": [{"asked": "call the opening \\"first_moves\\"", "edits": [{"op": "rename", "field": "chess_games.opening", \
"name": "first_moves"}]}, {"asked": "several arbiters are possible", "edits": [{"op": "retype", "field": "arbiter", \
"type": "list of strings"}]}, {"asked": "moves are not always there", "edits": [{"op": "make_optional", "field": \
"chess_games.moves"}]}]}"""


def edits_task(schema: JsonSchema, feedback: str, *, prompt: str, earlier: tuple[str, ...]) -> str:
    """The task that is answered with edits. It holds no text of the document."""
    return "\n\n".join(
        (
            _EDIT_RULES,
            _EDIT_EXAMPLES,
            "The examples are about other schemas. Now the fields to change:\n" + defuse(outline(schema)),
            *_history(prompt, earlier),
            f"Change request: {defuse(feedback.strip())}",
        )
    )


def rewrite_task(schema: JsonSchema, feedback: str, *, prompt: str, earlier: tuple[str, ...]) -> str:
    """The task that is answered with the whole new schema: the way out where edits did not do."""
    return "\n\n".join(
        (
            f"Current JSON schema:\n<schema>\n{json.dumps(schema, ensure_ascii=False)}\n</schema>",
            *_history(prompt, earlier),
            f"The person wants it changed. Change request: {defuse(feedback.strip())}",
            "Write the complete new JSON schema with every requested change applied. Keep all other fields as they "
            "are, word for word. Write it between <schema> and </schema>.",
        )
    )


def _history(prompt: str, earlier: tuple[str, ...]) -> list[str]:
    lines = []
    if prompt.strip():
        lines.append(f"The first request was: {defuse(prompt.strip())[:2_000]}")
    if earlier:
        told = "\n".join(f"- {defuse(' '.join(text.split()))[:500]}" for text in earlier[-8:])
        lines.append(f"Changed already, and to stay so:\n{told}")
    return lines


def outline(schema: JsonSchema) -> str:
    """Write a schema's fields one a line: `items.amount: number, required - Amount of the line.`"""
    lines = []
    for field in walk_fields(schema):
        text = f"{display_path(field.path)}: {type_name(field.schema)}"
        text += ", required" if field.required else ", optional"
        description = field.schema.get("description")
        if isinstance(description, str) and description:
            text += f" - {description if len(description) <= 120 else description[:117] + '...'}"
        lines.append(text)
    return "\n".join(lines)
