"""Values in the form in which they are compared, and the comparison of two of them.

The normalized form forgives what a reader would: case, punctuation and spacing of text, the spelling of dates and
numbers, half a cent. The strict form forgives spacing and the spelling of dates, and nothing else.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from fieldwise.grounding import dates, numbers
from fieldwise.grounding.text import collapse

from .rules import Rule

MONEY = 0.005
RELATIVE = 1e-6

_YES = frozenset(("true", "yes", "y", "1", "x", "checked", "✓", "✔", "☑", "☒"))
_NO = frozenset(("false", "no", "n", "0", "unchecked", "☐", "□"))
_MEASURED = re.compile(r"(?P<number>[-−+(]?\s?\d[\d.,' ]*\)?)\s?(?P<unit>[^\W\d_]{1,6}(?:[²³23]|/[^\W\d_]{1,4})?\.?)")
# A number before these is not the value: 5 million is not 5.
_SCALE_WORDS = "k mn mio mill million mrd bn billio b tn trn tsd thou lakh lac crore cr hundred dozen dz mil mld md"
_SCALES = frozenset(_SCALE_WORDS.split())
_GROUPED = re.compile(r"(?<=\d)[.,](?=\d{3}(?!\d))")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
# Where a field may be text or a number, "2019" and 2019 are the same answer; "007" is no number.
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
_URL_HEAD = re.compile(r"\A[a-z][a-z0-9+.-]*://(?:www\.)?|\Awww\.")
_MARKS = frozenset("`´^¨~|")


class Locale(NamedTuple):
    """How a document writes what can be read in two ways: 05/03/2024, 1.234. None: the likelier reading."""

    day_first: bool | None = None
    mark: numbers.DecimalMark | None = None


class Canon(NamedTuple):
    """A value ready to be compared. `key` is None for null; `day` is its date where it is one, in ISO form.

    `number` may differ by the gold's `tolerance`; `text` may differ to the gold's `threshold`.
    """

    key: tuple[str, Any] | None
    day: str | None = None
    number: float | None = None
    unit: str = ""
    tolerance: float = 0.0
    text: str = ""
    threshold: float | None = None


NULL = Canon(None)


def canon(value: Any, rule: Rule, locale: Locale, *, strict: bool = False) -> Canon:
    """Bring a JSON value into the form in which fields of this rule are compared."""
    if value is None:
        return NULL
    text = normalize(value)
    if not text and not strict:
        return NULL
    if isinstance(value, dict | list):
        return Canon(("json", text), text=text)
    if rule.kind in ("number", "integer") or (
        rule.kind == "any" and (_is_number(value) or _JSON_NUMBER.fullmatch(text))
    ):
        return _number(value, text, rule, locale, strict)
    if rule.kind == "boolean" or (rule.kind == "any" and isinstance(value, bool)):
        return _boolean(value, text, strict)
    if rule.kind in ("date", "date-time"):
        read = _moment(text) if rule.kind == "date-time" else None
        read = read or _day(text, locale)
        return Canon(("date", read), day=read[:10], text=text) if read else _string(text, "string", strict)
    if rule.kind == "enum":
        return Canon(("text", text if strict else text.casefold()), text=text.casefold())
    if rule.kind == "url" and not strict:
        return Canon(("text", _URL_HEAD.sub("", text.casefold()).rstrip("/")), text=text.casefold())
    day = _day(text, locale) if rule.kind in ("string", "text", "any") else None
    made = _string(text, rule.kind, strict)
    if strict:
        # A date is a date in any spelling, but only beside another: as text, both spellings stay what they are.
        return made._replace(day=day)
    return made._replace(day=day, threshold=rule.threshold if rule.kind == "text" else None)


def matches(gold: Canon, predicted: Canon) -> bool:
    """Say whether a predicted value is the gold one. Null matches null and nothing else."""
    if gold.key is None or predicted.key is None:
        return gold.key is predicted.key
    if gold.key == predicted.key:
        return not _units_differ(gold, predicted)
    if gold.day is not None and predicted.day is not None and len(gold.day) == len(predicted.day):
        # Two moments of one day are told apart by their keys.
        return gold.day == predicted.day and not (
            gold.key[0] == predicted.key[0] == "date" and _both_timed(gold, predicted)
        )
    if gold.number is not None and predicted.number is not None:
        return abs(predicted.number - gold.number) <= gold.tolerance and not _units_differ(gold, predicted)
    return gold.threshold is not None and similarity(gold.text, predicted.text) >= gold.threshold - 1e-9


def similarity(a: str, b: str) -> float:
    """Return 1 - Levenshtein distance / length of the longer, in 0..1, of texts as they are."""
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.normalized_similarity(a, b)


def normalize(value: Any) -> str:
    """Return a value's text in NFKC, white space collapsed, trimmed. Whole numbers are written without a point."""
    if isinstance(value, str):
        return collapse(value if value.isascii() else unicodedata.normalize("NFKC", value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)


def bare(text: str) -> str:
    """Case folded, without punctuation; marks that carry meaning between digits stay: 31.45 is not 3145."""
    folded = text.casefold()
    if folded.isalnum():
        return folded
    folded = _DECIMAL_COMMA.sub(".", _GROUPED.sub("", folded))
    kept = [c for i, c in enumerate(folded) if not _dropped(folded, i, c)]
    return collapse("".join(kept)) or folded


def _dropped(text: str, at: int, character: str) -> bool:
    if character.isalnum() or character.isspace():
        return False
    if character in _MARKS:
        return True
    if not unicodedata.category(character).startswith("P"):
        return False
    after = text[at + 1].isdigit() if at + 1 < len(text) else False
    before = text[at - 1] if at else ""
    if character in ".:/" and after and before.isdigit():
        return False
    return not (character == "-" and after and (not before or before.isspace()))


def _string(text: str, kind: str, strict: bool) -> Canon:
    key = text if strict or kind == "code" else bare(text)
    return Canon(("text", key), text=text.casefold())


def _number(value: Any, text: str, rule: Rule, locale: Locale, strict: bool) -> Canon:
    read, unit = _read_number(value, text, locale)
    if read is None or (strict and not _is_number(value)):
        return Canon(("text", text if strict else text.casefold()), text=text.casefold())
    plain = read.normalize()
    key = ("number", plain if plain else Decimal(0))
    if strict:
        return Canon(key, text=text)
    return Canon(key, number=float(read), unit=unit, tolerance=_tolerance(value, read, rule), text=text.casefold())


def _read_number(value: Any, text: str, locale: Locale) -> tuple[Decimal | None, str]:
    if _is_number(value):
        return numbers.as_decimal(value), ""
    if isinstance(value, bool):
        return None, ""
    read = numbers.to_number(text, locale.mark)
    if read is not None:
        return read, ""
    measured = _MEASURED.fullmatch(text)
    if measured and (unit := measured["unit"].rstrip(".").casefold()) not in _SCALES and measured["unit"] != "M":
        return numbers.to_number(measured["number"].strip(), locale.mark), unit
    return None, ""


def _tolerance(value: Any, read: Decimal, rule: Rule) -> float:
    if rule.tolerance is not None:
        # One float step, so that 0.3 - 0.2 lies within 0.1.
        return rule.tolerance + abs(float(read)) * 1e-15 if rule.tolerance else 0.0
    if rule.kind == "integer" or (rule.kind == "any" and isinstance(value, int)):
        return 0.0
    relative = RELATIVE * abs(float(read))
    exponent = read.normalize().as_tuple().exponent
    # What has more than two decimals is a rate or a measure, not an amount of money: half a cent may be all of it.
    is_money = isinstance(exponent, int) and exponent >= -2
    return max(MONEY + 1e-9, relative) if is_money else relative


def _boolean(value: Any, text: str, strict: bool) -> Canon:
    if isinstance(value, bool):
        return Canon(("boolean", value), text=text)
    if not strict:
        folded = text.casefold()
        if folded in _YES or folded in _NO:
            return Canon(("boolean", folded in _YES), text=folded)
    return Canon(("text", text if strict else text.casefold()), text=text.casefold())


def _day(text: str, locale: Locale) -> str | None:
    if not text or len(text) > 80 or not any(c.isdigit() for c in text):
        return None
    found = dates.readings(text, day_first=locale.day_first)
    return found[0] if found else None


def _moment(text: str) -> str | None:
    """Return a date with its time of day in UTC where it says so; midnight without a zone is the day alone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is not None:
        return moment.astimezone(UTC).isoformat()
    return moment.isoformat() if moment.time() != moment.time().min else moment.date().isoformat()


def _both_timed(a: Canon, b: Canon) -> bool:
    return all(c.key is not None and len(str(c.key[1])) > 10 for c in (a, b))


def _units_differ(a: Canon, b: Canon) -> bool:
    return bool(a.unit and b.unit and a.unit != b.unit)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
