"""What a spreadsheet shows for a stored number, by its format code (ECMA-376 part 1, 18.8.31).

Dates and times are written as ISO 8601, whatever the format: `03/04/05` would be anybody's guess. Thousands are not
grouped: whether `1,234` is one or a thousand depends on the reader's locale. All else is as on the screen: decimals,
percent signs, currencies, leading zeros, brackets for negative amounts.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import NamedTuple

# Formats that files name by number only. What is left out (27-36, 50-58) are dates of East Asian locales.
BUILT_IN: dict[int, str] = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: "$#,##0_);($#,##0)", 6: "$#,##0_);($#,##0)",
    7: "$#,##0.00_);($#,##0.00)", 8: "$#,##0.00_);($#,##0.00)", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?",
    13: "# ??/??", 14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM",
    20: "h:mm", 21: "h:mm:ss", 22: "m/d/yy h:mm", 37: "#,##0_);(#,##0)", 38: "#,##0_);(#,##0)",
    39: "#,##0.00_);(#,##0.00)", 40: "#,##0.00_);(#,##0.00)", 41: "#,##0", 42: "$#,##0", 43: "#,##0.00",
    44: "$#,##0.00", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
    **dict.fromkeys((*range(27, 37), *range(50, 59)), "yyyy-mm-dd"),
}  # fmt: skip

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?'
    r"|\\(?P<escaped>.)"
    r"|\[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\]"
    r"|\[(?P<elapsed>h+|m+|s+)\]"
    r"|\[(?P<condition>[<>=]+-?[\d.]+)\]"
    r"|\[[^\]]*\]"  # colors, locales
    r"|_.|\*."  # widths and fillings
    r"|(?P<ampm>AM/PM|A/P)"
    r"|(?P<general>General)"
    r"|(?P<exponent>E[+-])"
    r"|(?P<sign>.)",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"([<>=]+)(-?[\d.]+)")


class Shown(NamedTuple):
    """`value` is the stored number where `text` shows less of it."""

    text: str
    value: str | None = None


class _Section(NamedTuple):
    """One of a format's sections: its tokens as (kind, text)."""

    tokens: tuple[tuple[str, str], ...]
    condition: str | None

    @property
    def date(self) -> bool:
        return any(
            kind in ("elapsed", "ampm") or (kind == "sign" and text in "ymdhsYMDHS") for kind, text in self.tokens
        )


def display(number: float, code: str, *, epoch_1904: bool = False) -> Shown:
    """Return the text of a number cell."""
    sections = _sections(code or "General")
    section, absolute = _section_for(number, sections)
    if section.date:
        shown = _moment(number, section, epoch_1904)
        if shown is not None:
            return Shown(shown)
        return Shown(general(number))
    kinds = {kind for kind, _ in section.tokens}
    signs = {text for kind, text in section.tokens if kind == "sign"}
    # Fractions, text formats, and formats that show nothing.
    if "general" in kinds or "/" in signs or "@" in signs or not signs & set("0#?"):
        return Shown(general(number))
    return _figures(abs(number) if absolute else number, section)


def general(number: float) -> str:
    """Return a number as unformatted cells show it, without the noise of binary fractions."""
    if number == int(number) and abs(number) < 1e15:
        return str(int(number))
    return f"{number:.15g}"


def moment(number: float, *, epoch_1904: bool = False, date: bool = True, time: bool = True) -> str | None:
    """Return a serial day number as ISO 8601; None outside the calendar."""
    # 1900 was no leap year, but spreadsheets count its 29 February.
    start = (
        datetime(1904, 1, 1) if epoch_1904 else datetime(1899, 12, 31) if 0 <= number < 60 else datetime(1899, 12, 30)
    )
    try:
        instant = start + timedelta(seconds=round(number * 86_400, 3))
    except (OverflowError, ValueError):
        return None
    # A shown date is not moved by a millisecond that was lost.
    instant = (instant + timedelta(milliseconds=500)).replace(microsecond=0)
    parts = ([instant.strftime("%Y-%m-%d").rjust(10, "0")] if date else []) + (
        [instant.strftime("%H:%M:%S").removesuffix(":00") if not instant.second else instant.strftime("%H:%M:%S")]
        if time and not (date and instant.time() == datetime.min.time())
        else []
    )
    return "T".join(parts)


@lru_cache(maxsize=4096)
def _sections(code: str) -> tuple[_Section, ...]:
    sections: list[list[tuple[str, str]]] = [[]]
    conditions: list[str | None] = [None]
    for match in _TOKEN.finditer(code[:1000]):
        kind = match.lastgroup
        if kind is None:
            continue
        text = match[kind]
        if kind == "sign" and text == ";":
            sections.append([])
            conditions.append(None)
        elif kind == "condition":
            conditions[-1] = text
        else:
            kind = "literal" if kind in ("quoted", "escaped", "currency") else kind
            sections[-1].append((kind, text))
    return tuple(_Section(tuple(its), condition) for its, condition in zip(sections, conditions, strict=True))


def _section_for(number: float, sections: tuple[_Section, ...]) -> tuple[_Section, bool]:
    """Return the section for a number, and whether it writes the sign itself."""
    numeric = [s for s in sections[:3] if not any(text == "@" for kind, text in s.tokens if kind == "sign")] or sections
    if any(section.condition for section in numeric):
        for section in numeric:
            if section.condition is None or _holds(number, section.condition):
                return section, False
        return sections[0], False
    if number < 0 and len(numeric) > 1:
        return numeric[1], True
    if number == 0 and len(numeric) > 2:
        return numeric[2], True
    return numeric[0], False


def _holds(number: float, condition: str) -> bool:
    match = _CONDITION.fullmatch(condition)
    try:
        limit = float(match[2]) if match else 0.0
    except ValueError:
        return False
    sign = match[1] if match else ""
    return {
        "<": number < limit, ">": number > limit, "=": number == limit,
        "<=": number <= limit, ">=": number >= limit, "<>": number != limit,
    }.get(sign, False)  # fmt: skip


def _moment(number: float, section: _Section, epoch_1904: bool) -> str | None:
    letters = "".join(text.lower() for kind, text in section.tokens if kind == "sign" and text in "ymdhsYMDHS")
    elapsed = any(kind == "elapsed" for kind, _ in section.tokens)
    if elapsed:
        seconds = round(abs(number) * 86_400)
        sign = "-" if number < 0 else ""
        return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    clock = bool(set(letters) & set("hs")) or any(kind == "ampm" for kind, _ in section.tokens)
    calendar = bool(set(letters) & set("yd")) or not clock
    return moment(number, epoch_1904=epoch_1904, date=calendar, time=clock)


def _figures(number: float, section: _Section) -> Shown:
    tokens = section.tokens
    try:
        exact = Decimal(f"{number:.15g}")
    except InvalidOperation:
        return Shown(general(number))
    places = [i for i, (kind, text) in enumerate(tokens) if kind == "sign" and text in "0#?"]
    exponent = next((i for i, (kind, _) in enumerate(tokens) if kind == "exponent"), None)
    point = next((i for i, (kind, text) in enumerate(tokens) if kind == "sign" and text == "."), None)
    if exponent is not None:
        decimals = sum(1 for i in places if point is not None and point < i < exponent)
        text = f"{number:.{decimals}E}"
        return Shown(text, general(number) if Decimal(text) != exact else None)
    whole = [i for i in places if point is None or i < point]
    fraction = [i for i in places if point is not None and i > point]
    scaled = exact * 100 ** sum(1 for token in tokens if token == ("sign", "%"))
    last = places[-1]
    after = last + 1
    while after < len(tokens) and tokens[after] == ("sign", ","):
        scaled /= 1000
        after += 1
    try:
        rounded = scaled.quantize(Decimal(1).scaleb(-len(fraction)), rounding=ROUND_HALF_UP)
    except InvalidOperation:
        return Shown(general(number))
    digits, _, decimals_text = f"{abs(rounded):f}".partition(".")
    least = sum(1 for i in fraction if tokens[i][1] == "0")
    decimals_text = decimals_text[:least] + decimals_text[least:].rstrip("0")
    written = _filled(tokens, whole, digits.lstrip("0"), point, fraction, decimals_text)
    text = ("-" if rounded < 0 else "") + written
    return Shown(" ".join(text.split()), general(number) if rounded != scaled or last + 1 != after else None)


def _filled(
    tokens: tuple[tuple[str, str], ...],
    whole: list[int],
    digits: str,
    point: int | None,
    fraction: list[int],
    decimals: str,
) -> str:
    """Write the tokens, with digits in their places: from the right before the point, from the left after it."""
    at: dict[int, str] = {}
    for number, i in enumerate(reversed(whole)):
        first = number == len(whole) - 1
        taken = digits[: len(digits) - number] if first else digits[len(digits) - number - 1 : len(digits) - number]
        at[i] = (taken if number < len(digits) else "") or ("0" if tokens[i][1] == "0" else "")
    for number, i in enumerate(fraction):
        at[i] = decimals[number : number + 1]
    parts = []
    for i, (kind, text) in enumerate(tokens):
        if i in at:
            parts.append(at[i])
        elif i == point:
            parts.append("." if decimals else "")
        elif kind == "literal" or (kind == "sign" and text != ","):
            parts.append(text)
    written = "".join(parts)
    return written if digits or decimals.strip("0") or any(c.isdigit() for c in written) else written + "0"
