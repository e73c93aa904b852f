"""Names of fields: the person's own words, in the schema's own spelling."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def words_of(text: str) -> list[str]:
    """Split prose, `snake_case` and `camelCase` into words in lower case."""
    return re.findall(r"[^\W_]+", _HUMP.sub(" ", text).casefold())


def field_name(words: str, *, like: Iterable[str] = (), verbatim: str = "") -> str:
    """Turn words into a field's name, spelled as the names it stands among (`like`): snake_case, or camelCase.

    A name that the person wrote as an identifier in `verbatim` stays as it is. Returns "" where no letters are left.
    """
    name = words.strip().strip("`\"'.,;:")
    if is_identifier(name) and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", verbatim):
        return name
    tokens = words_of(name)
    if not tokens:
        return ""
    if _camel(like):
        return tokens[0] + "".join(token.capitalize() for token in tokens[1:])
    return "_".join(tokens)


def is_identifier(name: str) -> bool:
    """Say whether `name` can only be meant literally: one word of letters, digits, `_`, `-` or `.`."""
    return re.fullmatch(r"[^\W\d][\w.-]*", name) is not None


def _camel(names: Iterable[str]) -> bool:
    names = list(names)
    return any(_HUMP.search(name) for name in names) and not any("_" in name for name in names)


def asked_name(name: str, request: str) -> str:
    """Return `name`, or what the request calls it where `name` misspells that (`key_takesaways` -> `key_takeaways`)."""
    tokens = words_of(name)
    asked = words_of(request)
    if not tokens or not asked or all(token in asked for token in tokens):
        return name
    joined = "_".join(tokens)
    size = len(tokens)
    runs = {"_".join(asked[i : i + n]) for n in (size, size + 1) for i in range(len(asked) - n + 1)}
    near = [
        run
        for run in difflib.get_close_matches(joined, runs, n=3, cutoff=0.9)
        # A plural or an ending is another word, not a slip of the pen.
        if min(len(run), len(joined)) >= 6 and not run.startswith(joined) and not joined.startswith(run)
    ]
    return near[0] if near and near[0].replace("_", "") != joined.replace("_", "") else name
