"""Text from documents, models and file names, made harmless for a terminal.

An escape sequence in a document could recolor, hide or overwrite what a person is about to approve, and a direction
override could make it read differently from what it is. Such characters are shown as escapes instead of being obeyed.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

# C0 (but tab and newline), DEL and C1; direction marks, embeddings, overrides and isolates; line and paragraph
# separators; the byte order mark; interlinear annotation; invisible tag characters; lone surrogates.
# Zero-width (non-)joiners stay: Persian, Indic scripts and emoji are written with them.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_SPACE = re.compile(r"\s+")


def safe(text: object) -> str:
    """Return `text` with every character that a terminal would obey shown as an escape (`\\x1b`, `\\u202e`)."""
    return _OBEYED.sub(lambda found: _escape(found[0]), str(text))


def one_line(text: object, limit: int = 0) -> str:
    """As `safe`, on one line; longer than `limit` characters (0: any length) ends in `…`."""
    flat = safe(_SPACE.sub(" ", str(text)).strip())
    return flat if not limit or len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def dump_json(value: Any, *, compact: bool = False, ascii_only: bool = False) -> str:
    """Write `value` as JSON that is safe to print: what a terminal would obey is a `\\u` escape of the same value."""

    def write(what: Any) -> str:
        separators = (",", ":") if compact else None
        return json.dumps(
            what, ensure_ascii=ascii_only, indent=None if compact else 2, separators=separators, allow_nan=False
        )

    try:
        text = write(value)
    except ValueError:
        # A model may write NaN, which JSON has not. As text it is at least not lost.
        text = write(_finite(value))
    # Outside strings JSON has no such characters, so the escapes can only fall inside strings.
    return _OBEYED.sub(lambda found: _json_escape(found[0]), text)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
