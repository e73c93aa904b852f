"""Turn what a model answered into values of the approved schema: numbers, dates, codes, yes and no, lists, objects.

One rule for what is not there, documented for users: null where the schema allows null; left out where the field is
optional; null all the same where it is required and may not be null, and then an issue names it and the extraction is
incomplete. A value that cannot be made valid is treated as not there, and the issue quotes it: it is never lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from fieldwise.grounding import dates, numbers
from fieldwise.grounding.text import squeeze
from fieldwise.model import JsonSchema
from fieldwise.model.schema import escape

from .shape import Kind, allows_null, is_currency, kind_of, node_of, properties

_NOTHING = frozenset(
    ("null", "none", "n/a", "na", "nil", "not found", "not specified", "not stated", "not available", "not provided",
     "not mentioned", "unknown", "undefined", "-", "--", "—", "–", "not applicable")
)  # fmt: skip
_YES = ("true", "yes", "y", "ja", "oui", "si", "sí", "sim", "tak", "x", "✓", "✔", "☑", "☒", "1", "wahr", "checked")
_NO = ("false", "no", "n", "nein", "non", "nee", "não", "nej", "nie", "☐", "□", "0", "falsch", "unchecked")
_DIGITS = re.compile(r"\d")
MISSING = object()


class Habits(NamedTuple):
    """How this document writes numbers and dates, and whether it prints a text (as it is) or a number (in any form)."""

    mark: numbers.DecimalMark | None = None
    day_first: bool | None = None
    printed: Callable[[str | Decimal], bool] = lambda value: False


class Finding(NamedTuple):
    """A leaf whose answer is not usable. `code` is `invalid` or `missing`; `raw` is what the model answered."""

    path: str
    code: str
    message: str
    raw: Any = None


class Values:
    """The values of one answer. `raw` keeps, by pointer, the text of each value that was changed in reading it."""

    def __init__(self, root: JsonSchema, habits: Habits) -> None:
        self._root = root
        self._habits = habits
        self.findings: list[Finding] = []
        self.raw: dict[str, str] = {}

    def read(self, value: Any, node: Any, path: str = "") -> Any:
        """Return `value` as a value of `node`, MISSING where it is not there; adds findings for what is wrong."""
        resolved = node_of(node, self._root)
        kind = kind_of(resolved)
        if kind == "object":
            return self._object(value, node, resolved, path)
        if kind == "array":
            return self._array(value, resolved, path)
        if kind == "choice" and "anyOf" in resolved:
            return self._choice(value, resolved, path)
        if value is None or (isinstance(value, str) and self._says_nothing(value, resolved)):
            return MISSING
        return self._leaf(value, kind, resolved, path)

    def absent(self, node: Any, required: bool, path: str) -> Any:
        """Return what stands for a field that is not there: None, or MISSING to leave its key out."""
        if allows_null(node, self._root):
            return None
        if not required:
            return MISSING
        resolved = node_of(node, self._root)
        kind = kind_of(resolved)
        if kind == "array" and not resolved.get("minItems"):
            return []
        if kind == "object" and properties(resolved):
            return self._object({}, node, resolved, path)
        self.findings.append(Finding(path, "missing", "the schema requires a value and the model gave none"))
        return None

    def _object(self, value: Any, node: Any, resolved: JsonSchema, path: str) -> Any:
        if not isinstance(value, dict):
            if value is not None:
                self._refuse(path, value, "an object is wanted")
            return MISSING
        fields = properties(resolved)
        given = _keyed(value, fields)
        required = resolved.get("required", ())
        result: dict[str, Any] = {}
        for name, child in fields.items():
            here = f"{path}/{escape(name)}"
            read = self.read(given[name], child, here) if name in given else MISSING
            if read is MISSING:
                refused = any(f.path == here for f in self.findings)
                before = len(self.findings)
                read = self.absent(child, name in required, here)
                if refused:
                    # One finding a leaf: why its answer was refused says more than that it is now missing.
                    del self.findings[before:]
            if read is not MISSING:
                result[name] = read
        extra = resolved.get("additionalProperties")
        if isinstance(extra, dict) or (not fields and extra is not False):
            for name, child in value.items():
                if name not in fields:
                    read = self.read(child, extra if isinstance(extra, dict) else {}, f"{path}/{escape(name)}")
                    if read is not MISSING:
                        result[name] = read
        if path and fields and allows_null(node, self._root) and not _any_value(result):
            return MISSING
        return result

    def _array(self, value: Any, resolved: JsonSchema, path: str) -> Any:
        if value is None:
            return MISSING
        items = value if isinstance(value, list) else [value]
        result: list[Any] = []
        for item in items:
            if item is None or item in ({}, "", []):
                continue
            read = self.read(item, resolved.get("items", {}), f"{path}/{len(result)}")
            if read is not MISSING and not (isinstance(item, dict) and not _any_value(read)):
                result.append(read)
        return result

    def _choice(self, value: Any, resolved: JsonSchema, path: str) -> Any:
        """Take the first alternative that the value can be read as, the one of its own JSON type before others."""
        if value is None:
            return MISSING
        own = {dict: "object", list: "array", bool: "boolean"}.get(type(value), "")
        choices = [c for c in resolved["anyOf"] if node_of(c, self._root).get("type") != "null"]
        choices.sort(key=lambda c: kind_of(node_of(c, self._root)) != own)
        for choice in choices:
            attempt = Values(self._root, self._habits)
            read = attempt.read(value, choice, path)
            if not attempt.findings:
                self.raw.update(attempt.raw)
                return read
        self._refuse(path, value, "it fits none of the alternatives")
        return MISSING

    def _leaf(self, value: Any, kind: Kind, node: JsonSchema, path: str) -> Any:
        if isinstance(value, dict | list):
            flat = [
                v for v in (value.values() if isinstance(value, dict) else value) if isinstance(v, str | int | float)
            ]
            if kind == "any":
                return value
            if len(flat) != 1:
                if kind != "text" or not flat or isinstance(value, dict):
                    self._refuse(path, value, "one value is wanted")
                    return MISSING
                flat = [", ".join(str(v) for v in flat)]
            value = flat[0]
        if kind == "enum":
            return self._enum(value, node, path)
        if kind in ("number", "integer"):
            return self._number(value, kind, path)
        if kind == "boolean":
            return self._boolean(value, path)
        if kind in ("date", "date-time"):
            return self._date(value, kind, path, strict="format" in node)
        if kind == "choice":
            declared = node.get("type", [])
            if isinstance(value, str) and "string" not in declared and {"number", "integer"} & set(declared):
                return self._number(value, "number", path)
            return value
        if kind == "text":
            text = _plain(value)
            if is_currency(node) and (code := numbers.currency_of(text)) and code != text:
                self.raw[path] = text
                return code
            return text
        return value

    def _enum(self, value: Any, node: JsonSchema, path: str) -> Any:
        allowed = node["enum"] if "enum" in node else [node["const"]]
        if value in allowed and not isinstance(value, bool):
            return value
        folded = squeeze(_plain(value))
        for choice in allowed:
            if choice is value or (choice is not None and folded and squeeze(_plain(choice)) == folded):
                return choice
        self._refuse(path, value, f"it is none of {', '.join(str(v) for v in allowed[:12])}")
        return MISSING

    def _number(self, value: Any, kind: Kind, path: str) -> Any:
        if isinstance(value, bool):
            self._refuse(path, value, "a number is wanted")
            return MISSING
        number = numbers.as_decimal(value) if isinstance(value, int | float) else self._printed_number(str(value))
        if number is None:
            self._refuse(path, value, "it cannot be read as a number")
            return MISSING
        whole = number == number.to_integral_value()
        if kind == "integer" and not whole:
            self._refuse(path, value, "a whole number is wanted")
            return MISSING
        if isinstance(value, str):
            self.raw[path] = value.strip()
        return int(number) if whole and (kind == "integer" or "." not in str(number)) else float(number)

    def _printed_number(self, text: str) -> Decimal | None:
        readings = numbers.readings(text)
        if len(readings) > 1 and not self._habits.printed(text):
            # Not the page's own characters: the reading that the page has, else JSON's way of writing numbers.
            return next((n for n in readings if self._habits.printed(n)), numbers.to_number(text, "."))
        if readings:
            return numbers.to_number(text, self._habits.mark)
        # "5 Stk", "ca. 12 kg", "Total 1.234,56 EUR": one number among words is that number; two are a question.
        printed = [word.strip(";:()[]") for word in text.split() if _DIGITS.search(word)]
        found = [numbers.to_number(word, self._habits.mark) for word in printed]
        single = [n for n in found if n is not None]
        if len(found) == 1 and single:
            return single[0]
        unit = re.fullmatch(r"\s*([-−+]?\d[\d.,]*)\s?[^\W\d_]{1,6}[²³.]?\s*", text)
        return numbers.to_number(unit[1], self._habits.mark) if unit else None

    def _boolean(self, value: Any, path: str) -> Any:
        if isinstance(value, bool):
            return value
        folded = str(value).strip().casefold()
        if folded in _YES or folded in _NO:
            return folded in _YES
        self._refuse(path, value, "it is neither yes nor no")
        return MISSING

    def _date(self, value: Any, kind: Kind, path: str, *, strict: bool) -> Any:
        text = _plain(value)
        if kind == "date-time":
            stamp = re.fullmatch(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?", text)
            if stamp:
                return f"{stamp[1]}T{stamp[2]}{stamp[3] or ':00'}{stamp[4] or 'Z'}"
        readings = dates.readings(text, day_first=self._habits.day_first)
        if not readings:
            inside = list(dates.find_dates(text, day_first=self._habits.day_first)) if len(text) <= 120 else []
            readings = inside[0].readings if len(inside) == 1 else ()
        if readings and len(readings[0]) == 10:
            if readings[0] != text:
                self.raw[path] = text
            return readings[0] if kind == "date" else f"{readings[0]}T00:00:00Z"
        if strict:
            self._refuse(path, value, "it cannot be read as a date")
            return MISSING
        return text

    def _says_nothing(self, text: str, node: JsonSchema) -> bool:
        folded = text.strip().casefold()
        if not folded:
            return True
        if folded not in _NOTHING or folded in [str(v).casefold() for v in node.get("enum", ())]:
            return False
        # "None" may be what the form says under Allergies; it is a value where it is printed as a word of its own.
        return folded in ("null", "undefined", "-", "--", "—", "–") or not self._habits.printed(text.strip())

    def _refuse(self, path: str, value: Any, why: str) -> None:
        self.findings.append(Finding(path, "invalid", why, value))


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return " ".join(str(value).split())


def _keyed(value: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """Match the answer's keys to the fields: by name, else by name without case and separators."""
    given = {name: value[name] for name in fields if name in value}
    if len(given) < len(value):
        loose = {squeeze(name).replace("_", ""): name for name in fields if name not in given}
        for key, child in value.items():
            name = loose.get(squeeze(key).replace("_", ""))
            if name is not None and key not in fields:
                given.setdefault(name, child)
    return given


def _any_value(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_any_value(child) for child in value.values())
    if isinstance(value, list):
        return any(_any_value(child) for child in value)
    return value is not None
