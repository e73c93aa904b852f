"""Find where each value stands, tell the mentions of one record from those of the next, and mend small habits.

Confidence is a rank, not yet a probability (it is calibrated against real data later): 0.95 for a value printed with
the same characters, 0.9 for another format, 0.5 where only the digits agree or the text is a summary of the page's
words, 0.1 where the value stands nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from fieldwise.grounding import Locator, Place
from fieldwise.grounding.text import label_words, tokens
from fieldwise.model import Citation, Issue, JsonSchema, Match

from .shape import Leaf, walk_values

CONFIDENCE: dict[Match, float] = {"exact": 0.95, "normalized": 0.9, "fuzzy": 0.5, "derived": 0.5, "none": 0.1}

SUMMARY_WORDS = 8
"""A text of fewer words that stands nowhere is a value that was made up; a longer one may sum up what stands there."""
SUMMARY_SHARE = 0.6
"""So many of a summary's longer words are printed on one page; of an invention fewer are."""

_CODE_NAMES = frozenset(
    ("number", "no", "nr", "num", "id", "code", "ref", "reference", "iban", "bic", "swift", "zip", "postcode", "postal",
     "phone", "fax", "account", "order", "serial", "sku")
)  # fmt: skip
_LEADING_LABEL = re.compile(r"((?:[^\W\d_]+[.:]?\s+){0,3}[^\W\d_]{2,}\s?[.:#]*)[\s#:]+(?=\S*\d)(\S+)\Z")


class Evidence(NamedTuple):
    """By pointer: citations, confidence and places; an issue for each leaf not found `exact` or `normalized`."""

    citations: dict[str, tuple[Citation, ...]]
    confidence: dict[str, float]
    issues: tuple[Issue, ...]
    places: dict[str, tuple[Place, ...]]


class _Field(NamedTuple):
    path: str
    value: Any
    leaf: Leaf


def ground(
    data: Any,
    schema: JsonSchema,
    locator: Locator,
    raw: dict[str, str],
    known: dict[str, tuple[Place, ...]],
) -> Evidence:
    """Cite every leaf that is not null. `raw` is the printed text of converted values, `known` places found before."""
    groups: dict[str, list[_Field]] = {}
    for path, value, leaf in walk_values(data, schema, schema):
        if value is not None:
            groups.setdefault(_group(path), []).append(_Field(path, value, leaf))
    places: dict[str, tuple[Place, ...]] = {}
    taken: dict[str, Place] = {}
    anchors: dict[str, Place] = {}
    for group, fields in groups.items():
        around = _outer(group, anchors)
        found = _group_places(group, fields, locator, raw, known, taken, around)
        if found and group:
            anchors[group] = next(iter(found.values()))[0]
        places |= found
    return _weighed(data, schema, locator, places)


def _group(path: str) -> str:
    """Return the record a leaf belongs to, else its object: what stands together on the page."""
    tokens_ = path.split("/")
    for i in range(len(tokens_) - 2, 0, -1):
        if tokens_[i].isdigit():
            return "/".join(tokens_[: i + 1])
    return "/".join(tokens_[:-1])


def _outer(group: str, anchors: dict[str, Place]) -> Place | None:
    """Return where the record around a record stands, if it is known."""
    while "/" in group:
        group = group.rpartition("/")[0]
        if group in anchors:
            return anchors[group]
    return None


def _group_places(
    group: str,
    fields: list[_Field],
    locator: Locator,
    raw: dict[str, str],
    known: dict[str, tuple[Place, ...]],
    taken: dict[str, Place],
    around: Place | None,
) -> dict[str, tuple[Place, ...]]:
    found: dict[str, tuple[Place, ...]] = {}
    open_: list[tuple[_Field, list[Place]]] = []
    for field in fields:
        if field.path in known:
            found[field.path] = _in_cells(field, known[field.path], locator, raw)
        else:
            open_.append((field, _mentions(field, locator, raw, around)))
    siblings = group != ""
    anchor = next((spots[0] for spots in found.values()), None)
    of_list = re.sub(r"/\d+\Z", "", group)
    previous = taken.get(of_list) if of_list != group else None
    # What is said once tells the place of the record; what is said everywhere is then found beside it.
    open_.sort(key=lambda pair: len(pair[1]) or 1_000)
    for field, mentions in open_:
        if siblings and anchor is not None:
            mentions = _mentions(field, locator, raw, anchor)
        if not mentions:
            continue
        place = mentions[0] if anchor is not None or previous is None else _next(mentions, previous)
        found[field.path] = (place,)
        if siblings and anchor is None:
            anchor = place
    if anchor is not None and of_list != group:
        taken[of_list] = anchor
    return found


def _next(mentions: list[Place], previous: Place) -> Place:
    """Records come in the order of the page: the first mention after the record before, else the likeliest."""
    after = [place for place in mentions if place.first > previous.last]
    return min(after, key=lambda place: place.first) if after else mentions[0]


def _mentions(field: _Field, locator: Locator, raw: dict[str, str], near: Place | None) -> list[Place]:
    printed = raw.get(field.path)
    if printed is not None and (found := locator.places(printed, near=near, label=field.leaf.label)):
        # The characters of the answer are the page's, those of the value are not.
        return [_converted(p, printed, field.value) for p in found]
    return locator.places(field.value, near=near, label=field.leaf.label)


def _converted(place: Place, printed: Any, value: Any) -> Place:
    """A value is `exact` only where its own characters are printed, not those that it was read from."""
    same = str(printed) == str(value).removesuffix(".0")
    return place if same or place.match != "exact" else place._replace(match="normalized")


def _in_cells(field: _Field, cells: tuple[Place, ...], locator: Locator, raw: dict[str, str]) -> tuple[Place, ...]:
    """Grade a value that was read from table cells; its words are known, only how they match is not."""
    if len(cells) == 1:
        for value in (field.value, raw.get(field.path)):
            narrow = locator.narrowed(value, cells[0]) if value is not None else None
            if narrow is not None:
                return (_converted(narrow, value, field.value),)
    return tuple(place._replace(match="normalized") for place in cells)


def _weighed(data: Any, schema: JsonSchema, locator: Locator, places: dict[str, tuple[Place, ...]]) -> Evidence:
    citations: dict[str, tuple[Citation, ...]] = {}
    confidence: dict[str, float] = {}
    issues: list[Issue] = []
    for path, value, leaf in walk_values(data, schema, schema):
        if value is None:
            continue
        spots = places.get(path, ())
        if spots:
            citations[path] = tuple(citation for place in spots for citation in locator.cite(place))
            match = spots[0].match
            confidence[path] = CONFIDENCE[match]
            if match not in ("exact", "normalized"):
                issues.append(Issue(path=path, code="sign_differs", message=f"{value} is printed with the other sign"))
            continue
        code, message = _unsupported(value, leaf, locator)
        confidence[path] = CONFIDENCE["derived" if code == "not_verbatim" else "none"]
        issues.append(Issue(path=path, code=code, message=message))
    return Evidence(citations, confidence, tuple(issues), places)


def _unsupported(value: Any, leaf: Leaf, locator: Locator) -> tuple[str, str]:
    """Say what it means that a value stands nowhere: a judgement and a summary need not, anything else should."""
    if leaf.kind in ("boolean", "enum"):
        return "not_verbatim", f"{value!r} is a judgement: the document does not print it as such"
    if isinstance(value, str) and len(tokens(value)) >= SUMMARY_WORDS:
        share = locator.share_printed(value)
        if share >= SUMMARY_SHARE:
            return "not_verbatim", f"a summary: {share:.0%} of its words stand on one page, not in this order"
    return "ungrounded", f"{str(value)[:120]!r} stands nowhere in the document: check it"


def without_labels(data: Any, schema: JsonSchema, locator: Locator, raw: dict[str, str]) -> tuple[Any, dict[str, str]]:
    """Take the label off values that still carry it (`Rechnung 181301674` for a number), if the rest is printed."""
    mended = {}
    leaves = list(walk_values(data, schema, schema))
    beside: dict[str, list[str]] = {}
    for path, value, _ in leaves:
        if isinstance(value, str) and len(value) > 2:
            beside.setdefault(path.rpartition("/")[0], []).append(value)
    for path, value, leaf in leaves:
        if isinstance(value, str) and leaf.kind == "text" and len(value) <= 200:
            neighbors = beside.get(path.rpartition("/")[0], [])
            rest = _without_label(value, leaf) or _without_neighbor(value, leaf, neighbors)
            if rest and rest != value and locator.places(rest, limit=1):
                mended[path] = rest
    if not mended:
        return data, raw
    return _replaced(data, mended, ""), {**raw, **{p: r for p, r in mended.items() if p in raw}}


def _without_label(value: str, leaf: Leaf) -> str | None:
    name, _, rest = value.partition(":")
    words = set(label_words(leaf.label))
    said = tokens(name)
    if rest.strip() and not rest.startswith("//") and said and len(said) <= 5 and all(t in words for t in said):
        return rest.strip()
    # Across languages: in front of a code, words of four letters and more are what it is called, not part of it.
    match = _LEADING_LABEL.match(value)
    if match and _CODE_NAMES & set(_name_of(leaf)) and any(len(t) > 3 for t in tokens(match[1])):
        return match[2].strip(" .:#")
    return None


def _without_neighbor(value: str, leaf: Leaf, neighbors: list[str]) -> str | None:
    """Take the value of a field beside it off a code: `80333 München` for a postcode, where the city is `München`."""
    if not _CODE_NAMES & set(_name_of(leaf)):
        return None
    for neighbor in neighbors:
        if neighbor != value and value.endswith(f" {neighbor}"):
            rest = value[: -len(neighbor)].strip(" ,;-")
            if any(sign.isdigit() for sign in rest):
                return rest
    return None


def _name_of(leaf: Leaf) -> list[str]:
    return tokens(leaf.label.split(" ", 1)[0].replace("_", " "))


def without_repeats(items: list[Any], locator: Locator, path: str) -> tuple[list[Any], list[int], tuple[Issue, ...]]:
    """Drop entries that a model said more often than the document can: returns those kept, their old places, issues.

    Two equal entries stay where the pages show their rarest value twice: equal rows are real.
    """
    groups: dict[str, list[int]] = {}
    for i, item in enumerate(items):
        groups.setdefault(repr(item), []).append(i)
    dropped: set[int] = set()
    for members in groups.values():
        if len(members) > 1:
            shown = _times_shown(items[members[0]], locator, len(members))
            dropped.update(members[max(1, shown) :])
    kept = [i for i in range(len(items)) if i not in dropped]
    if not dropped:
        return items, kept, ()
    message = f"the model repeated itself: {len(dropped)} entries that the document does not show again were left out"
    return [items[i] for i in kept], kept, (Issue(path=path, code="repeated", message=message),)


def _times_shown(item: Any, locator: Locator, most: int) -> int:
    """Return how often the rarest value of an entry is printed, up to `most`."""
    return min((len(locator.places(value, limit=most)) for value in _scalars(item)), default=0)


def _scalars(item: Any) -> Iterator[Any]:
    if isinstance(item, dict):
        for child in item.values():
            yield from _scalars(child)
    elif isinstance(item, list):
        for child in item:
            yield from _scalars(child)
    elif item is not None and not isinstance(item, bool):
        yield item


def _replaced(value: Any, changes: dict[str, Any], path: str) -> Any:
    if isinstance(value, dict):
        return {
            key: _replaced(child, changes, f"{path}/{key.replace('~', '~0').replace('/', '~1')}")
            for key, child in value.items()
        }
    if isinstance(value, list):
        return [_replaced(child, changes, f"{path}/{i}") for i, child in enumerate(value)]
    return changes.get(path, value)
