"""Numbers as people print them: `1.234,56`, `1,234.56`, `1 234,56`, `1'234.50`, `(123)`, `12-`, `EUR 5`, `19 %`.

A printed number may have two readings (`1.234` is 1234 in Berlin and 1.234 in Boston); `readings` gives both, and
`decimal_mark` says what a document's other numbers tell about it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Literal

DecimalMark = Literal[".", ","]

LONGEST = 40
"""Longer runs are not numbers a person wrote, and big integers are slow to compare."""

CURRENCY_SYMBOLS: dict[str, tuple[str, ...]] = {
    "€": ("EUR",),
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN"),
    "£": ("GBP",),
    "¥": ("JPY", "CNY"),
    "₹": ("INR",),
    "₩": ("KRW",),
    "₽": ("RUB",),
    "₺": ("TRY",),
    "₪": ("ILS",),
    "₫": ("VND",),
    "₴": ("UAH",),
    "฿": ("THB",),
    "₱": ("PHP",),
    "₦": ("NGN",),
    "zł": ("PLN",),
    "kč": ("CZK",),
    "fr.": ("CHF",),
    "rs.": ("INR",),
    "rs": ("INR",),
    "rm": ("MYR",),
    "r$": ("BRL",),
    "us$": ("USD",),
    "euro": ("EUR",),
    "euros": ("EUR",),
    "dollars": ("USD",),
}
_CODES = (
    "AED ARS AUD BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HRK HUF IDR ILS INR ISK JPY KES KRW KWD MAD MXN "
    "MYR NGN NOK NZD PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TRY TWD UAH USD VND ZAR"
)
CURRENCY_CODES = frozenset(_CODES.split())

_NAMES = sorted({*CURRENCY_SYMBOLS, *(c.lower() for c in CURRENCY_CODES)}, key=len, reverse=True)
_CURRENCY = "(?:" + "|".join(re.escape(n) for n in _NAMES) + ")"
_SHAPE = re.compile(
    rf"(?P<open>\()?\s*(?P<sign>[-+])?\s*(?:{_CURRENCY}\s*)?(?P<sign2>[-+])?\s*"
    rf"(?P<body>\d[\d.,' ]*|\.\d+)(?P<exponent>e[-+]?\d{{1,3}})?(?P<dash>[.,]-{{1,2}})?"
    rf"\s*(?P<percent>%)?\s*(?:{_CURRENCY})?\s*(?P<trailing>-)?\s*(?P<close>\))?\s*(?:{_CURRENCY})?\Z"
)
_WESTERN = re.compile(r"\d{1,3}(?:\D\d{3})+\Z")
_INDIAN = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}\Z")
_DASHES = str.maketrans({"−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "’": "'", "‘": "'", "´": "'", "`": "'"})


class Printed:
    """What one printed number may mean: `values`, likeliest first, and whether a percent sign is attached."""

    __slots__ = ("percent", "values")

    def __init__(self, values: tuple[Decimal, ...], percent: bool) -> None:
        self.values = values
        self.percent = percent


_NOTHING = Printed((), False)


def read(text: str) -> Printed:
    """Read `text` as one printed number with its sign, currency and percent sign; no `values` where it is not one."""
    if len(text) > LONGEST or not any(c.isdigit() for c in text):
        return _NOTHING
    folded = unicodedata.normalize("NFKC", text).translate(_DASHES).strip().lower()
    found = _SHAPE.match(folded)
    if not found or bool(found["open"]) != bool(found["close"]):
        return _NOTHING
    signs = [s for s in (found["sign"], found["sign2"]) if s]
    if len(signs) > 1:
        return _NOTHING
    body = found["body"].strip(" '")
    # "12,-" is twelve and no cents; "12-" is minus twelve.
    trailing = bool(found["trailing"]) and body[-1] not in ".,"
    negative = "-" in signs or trailing or bool(found["open"])
    if not found["dash"]:
        body = body.rstrip(".,") if body[-1] in ".," and body[:-1] else body
    values = []
    for plain in _plain(body):
        try:
            value = Decimal(plain + (found["exponent"] or ""))
        except InvalidOperation:
            continue
        values.append(-value if negative else value)
    return Printed(tuple(values), bool(found["percent"]))


def readings(text: str) -> tuple[Decimal, ...]:
    """Return every value that the printed number may have, likeliest first; none where `text` is not a number."""
    return read(text).values


def _plain(body: str) -> list[str]:
    """Turn digits with group and decimal marks into the plain forms they may stand for."""
    if body.replace(" ", "").replace("'", "").isdigit() and (" " in body or "'" in body):
        return [re.sub(r"\D", "", body)] if _WESTERN.match(body) else []
    if body.isdigit():
        return [body]
    dots, commas = body.count("."), body.count(",")
    if dots and commas:
        mark = "." if body.rindex(".") > body.rindex(",") else ","
        whole, _, fraction = body.rpartition(mark)
        if mark in whole or not fraction.isdigit():
            return []
        return [f"{digits}.{fraction}"] if (digits := _groups(whole)) is not None else []
    mark = "." if dots else ","
    if dots + commas > 1:
        digits = _groups(body)
        return [digits] if digits is not None else []
    whole, _, fraction = body.partition(mark)
    if not fraction.isdigit():
        return []
    digits = _groups(whole) if whole else "0"
    if digits is None:
        return []
    decimal = f"{digits}.{fraction}"
    grouped = len(fraction) == 3 and whole.isdigit() and 1 <= len(whole) <= 3 and whole[0] != "0"
    if not grouped:
        return [decimal]
    # A comma before three digits groups more often than not; a dot is about as often the one as the other.
    return [digits + fraction, decimal]


def _groups(text: str) -> str | None:
    if text.isdigit():
        return text
    marks = {c for c in text if not c.isdigit()}
    if len(marks) == 1 and (_WESTERN.match(text) or _INDIAN.match(text)):
        return re.sub(r"\D", "", text)
    return None


def decimal_mark(words: Iterable[str]) -> DecimalMark | None:
    """Say which decimal mark the numbers among `words` use, by those that leave no doubt; None without evidence."""
    votes = {".": 0, ",": 0}
    for word in words:
        if "." not in word and "," not in word:
            continue
        body = word.strip("()+-−%€$£¥ ")
        if len(body) > LONGEST or not (tail := re.search(r"([.,])(\d{1,2})\Z", body)) or not body[0].isdigit():
            continue
        other = "," if tail[1] == "." else "."
        # 1.5 and 12.05 may be section numbers or days: only money-like numbers and mixed marks are evidence.
        if len(tail[2]) == 2 and (body.count(tail[1]) == 1 or other in body):
            votes[tail[1]] += 3 if other in body else 1
    if votes["."] == votes[","]:
        return None
    return "." if votes["."] > votes[","] else ","


def to_number(text: str, mark: DecimalMark | None = None) -> Decimal | None:
    """Return the likeliest value of a printed number, given the document's decimal mark; None where it is not one."""
    printed = read(text)
    if not printed.values:
        return None
    if len(printed.values) == 1 or mark is None:
        return printed.values[0]
    used = next(c for c in text if c in ".,")
    return printed.values[1] if used == mark else printed.values[0]


def currency_of(text: str) -> str | None:
    """Return the ISO 4217 code that `text` is (`eur`, `EUR`) or that its symbol first stands for (`€`); else None."""
    name = text.strip()
    if name.upper() in CURRENCY_CODES and len(name) == 3:
        return name.upper()
    codes = CURRENCY_SYMBOLS.get(name.lower())
    return codes[0] if codes else None


def as_decimal(value: int | float | Decimal) -> Decimal | None:
    """Return a JSON number as the Decimal a person would read from it; None for infinities and not-a-number."""
    try:
        number = value if isinstance(value, Decimal) else Decimal(repr(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= LONGEST else None
