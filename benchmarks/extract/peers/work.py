"""What every peer's program does: say that it is ready, read one task, answer once. One line of JSON each.

out  {"versions": {"langextract": "1.7.1", "openai": "2.54.0"}}
in   {"text": "...", "schema": {}, "base_url": "http://127.0.0.1:1/v1", "model": "...", "seconds": 180}
out  {"data": {}, "settings": {}}  or  {"unsupported": "why"}  or  {"error": "what", "settings": {}}
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple


class Work(NamedTuple):
    """One document's text, what is wanted of it, and where the model is. `seconds` is the time for the document."""

    text: str
    schema: dict[str, Any]
    base_url: str
    model: str
    seconds: float


class Unsupported(Exception):
    """The peer cannot express this task at all; the message says why."""


Extract = Callable[[Work], tuple[dict[str, Any], dict[str, Any]]]
"""Returns the data and the settings that were used. Raises Unsupported, or anything for a failure."""


def serve(extract: Extract, packages: Sequence[str]) -> None:
    """Answer one task. What the libraries print goes to stderr: stdout is the harness's."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(**body: Any) -> None:
        channel.write(json.dumps(body, ensure_ascii=False, default=str) + "\n")
        channel.flush()

    say(versions={name: version(name) for name in packages})
    line = sys.stdin.readline()
    if not line:
        return
    try:
        data, settings = extract(Work(**json.loads(line)))
    except Unsupported as reason:
        say(unsupported=str(reason))
    except Exception as error:  # a peer may raise anything, and the reason is part of the result
        traceback.print_exc()
        say(error=f"{type(error).__name__}: {error}"[:2_000])
    else:
        say(data=data, settings=settings)
