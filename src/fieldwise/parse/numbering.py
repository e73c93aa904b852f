"""The numbers that Word sets before paragraphs (`2.1`, `(a)`, `iv.`): in the file there are only counters."""

from __future__ import annotations

import re
from typing import NamedTuple
from xml.etree.ElementTree import Element

from .markup import attribute, child, children

_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
          (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_LEVELS = 9


class Level(NamedTuple):
    start: int
    format: str
    text: str


class Numbering:
    """Counts paragraph by paragraph, in the document's order."""

    def __init__(self, root: Element | None) -> None:
        self._abstract: dict[str, dict[int, Level]] = {}
        self._of_list: dict[str, tuple[str, dict[int, Level], dict[int, int]]] = {}
        self._counters: dict[str, list[int | None]] = {}
        self._begun: set[str] = set()
        for found in children(root, "abstractNum"):
            levels = {_index(level): _level(level) for level in children(found, "lvl")}
            self._abstract[attribute(found, "abstractNumId") or ""] = levels
        for found in children(root, "num"):
            target = child(found, "abstractNumId")
            levels, starts = {}, {}
            for override in children(found, "lvlOverride"):
                own, start = child(override, "lvl"), child(override, "startOverride")
                if own is not None:
                    levels[_index(override)] = _level(own)
                if start is not None:
                    starts[_index(override)] = _number(attribute(start, "val"), 1)
            abstract = (attribute(target, "val") or "") if target is not None else ""
            self._of_list[attribute(found, "numId") or ""] = (abstract, levels, starts)

    def label(self, list_id: str, level: int) -> str | None:
        """Count one paragraph; return its label, "" for a bullet, None where the list is not known."""
        known = self._of_list.get(list_id)
        if known is None or not 0 <= level < _LEVELS:
            return None
        abstract, overrides, starts = known
        levels = {**self._abstract.get(abstract, {}), **overrides}
        counters = self._counters.setdefault(abstract, [None] * _LEVELS)
        if list_id not in self._begun:
            self._begun.add(list_id)
            for index in starts:
                if index < _LEVELS:
                    counters[index] = None
        for above in range(level):
            if counters[above] is None:
                counters[above] = self._start(levels, starts, above)
        before = counters[level]
        counters[level] = self._start(levels, starts, level) if before is None else before + 1
        counters[level + 1 :] = [None] * (_LEVELS - level - 1)
        its = levels.get(level)
        if its is None or its.format == "bullet":
            return ""
        legal = its.format == "decimalZero"

        def shown(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            value = counters[at] if at < _LEVELS else None
            form = "decimalZero" if legal and at == level else levels[at].format if at in levels else "decimal"
            return written(value or 0, form)

        return re.sub(r"%([1-9])", shown, its.text).strip()

    @staticmethod
    def _start(levels: dict[int, Level], starts: dict[int, int], level: int) -> int:
        return starts.get(level, levels[level].start if level in levels else 1)


def written(value: int, form: str) -> str:
    """Return a counter in a numbering format of Word; those of other scripts as digits."""
    if form in ("lowerLetter", "upperLetter") and value > 0:
        text = chr(ord("a") + (value - 1) % 26) * min((value - 1) // 26 + 1, 20)
    elif form in ("lowerRoman", "upperRoman") and 0 < value < 4000:
        text, rest = "", value
        for worth, sign in _ROMAN:
            text += sign * (rest // worth)
            rest %= worth
    elif form == "decimalZero":
        return f"{value:02}"
    elif form == "none":
        return ""
    else:
        return str(value)
    return text.upper() if form.startswith("upper") else text


def _level(element: Element) -> Level:
    start, form, text = (child(element, name) for name in ("start", "numFmt", "lvlText"))
    return Level(
        _number(attribute(start, "val"), 1) if start is not None else 1,
        (attribute(form, "val") or "decimal") if form is not None else "decimal",
        (attribute(text, "val") or "") if text is not None else "",
    )


def _index(element: Element) -> int:
    return _number(attribute(element, "ilvl"), 0)


def _number(text: str | None, otherwise: int) -> int:
    try:
        return int(text or "")
    except ValueError:
        return otherwise
