"""Dates as people print them, in several languages and orders, as ISO 8601 (`2024-03-05`, or `2024-03` for a month).

A numeric date may have two readings (`05/03/2024`); `Found.readings` gives both, day first or month first as told.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

_MONTHS = (
    "january jan januar jän jänner januari janvier janv enero ene gennaio gen janeiro styczeń stycznia sty ianuarie",
    "february feb febr februar februari février fevrier févr fevr fév febrero febbraio fevereiro fev luty lutego lut",
    "march mar mrz mär märz maerz maart mrt mars marzo março marco marzec marca",
    "april apr avril avr abril abr aprile kwiecień kwietnia kwi",
    "may mai mei maj mayo maggio mag maio maja",
    "june jun juni juin junio giugno giu junho czerwiec czerwca cze",
    "july jul juli juillet juil julio luglio lug julho lipiec lipca lip",
    "august aug augustus août aout agosto ago sierpień sierpnia sie augusti",
    "september sep sept septembre septiembre setiembre settembre set setembro wrzesień września wrz",
    "october oct okt oktober octobre octubre ottobre ott outubro out październik października paź",
    "november nov novembre noviembre novembro listopad listopada lis",
    "december dec dez dezember décembre decembre déc diciembre dic dicembre dezembro grudzień grudnia gru",
)
MONTHS: dict[str, int] = {name: i for i, names in enumerate(_MONTHS, 1) for name in names.split()}

_NAME = "(?:" + "|".join(re.escape(m) for m in sorted(MONTHS, key=len, reverse=True)) + r")\b\.?"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH = r"(?:0?[1-9]|1[0-2])"
_YEAR = r"(?:1[5-9]\d\d|2[0-2]\d\d)"
_OF = r"(?:\s+|\s*[-./,]\s*|\s+(?:de|del|of|d['’])\s+)"
_PATTERN = re.compile(
    rf"""(?<![\w])(?:
      (?P<iso>(?P<iy>{_YEAR})(?P<isep>[-/.])(?P<im>{_MONTH})(?P=isep)(?P<id>{_DAY}))(?![\d])
    | (?P<han>(?P<hy>{_YEAR})\s*年\s*(?P<hm>{_MONTH})\s*月(?:\s*(?P<hd>{_DAY})\s*日)?)
    | (?P<num>(?P<n1>\d{{1,2}})\s?(?P<nsep>[-/.])\s?(?P<n2>\d{{1,2}})\s?(?P=nsep)\s?(?P<ny>{_YEAR}|\d\d))(?!\d|[-/.]\d)
    | (?P<dmy>(?P<d>{_DAY})(?:\.|st|nd|rd|th|er|º|ª)?{_OF}?(?P<m>{_NAME})(?:{_OF}|['’])?
        (?P<y>{_YEAR}|(?<=[-./'’])\d\d))(?!\d)
    | (?P<mdy>(?P<m2>{_NAME})\s*(?P<d2>{_DAY})(?:st|nd|rd|th)?\s*,?\s+(?P<y2>{_YEAR}))(?!\d)
    | (?P<ymd>(?P<y4>{_YEAR})[-\s](?P<m4>{_NAME})[-\s](?P<d4>{_DAY}))(?!\d)
    | (?P<my>(?P<m3>{_NAME}){_OF}?(?P<y3>{_YEAR}))(?!\d)
    | (?P<ym>(?P<y5>{_YEAR})-(?P<m5>0[1-9]|1[0-2]))(?![\d-])
    | (?P<nmy>(?P<m6>0?[1-9]|1[0-2])[/.](?P<y6>{_YEAR}))(?![\d/.])
    | (?P<compact>(?P<cy>(?:19|20)\d\d)(?P<cm>0[1-9]|1[0-2])(?P<cd>0[1-9]|[12]\d|3[01]))(?!\d)
    )""",
    re.VERBOSE,
)
# The numeric form alone: to learn a document's habit the names of months are not looked for, which takes the time.
_NUMERIC = re.compile(
    rf"(?<!\w)(?P<n1>\d{{1,2}})\s?(?P<nsep>[-/.])\s?(?P<n2>\d{{1,2}})\s?(?P=nsep)\s?(?:{_YEAR}|\d\d)(?!\d|[-/.]\d)"
)
_TIME = re.compile(r"[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:Z|[+-]\d{2}:?\d{2})?\Z", re.IGNORECASE)
_WEEKDAY = re.compile(r"\A[^\W\d_]{2,12}\.?,?\s+(?=\S*\d)")


class Found(NamedTuple):
    """A date at `text[start:end]`, with its possible readings as ISO strings, likeliest first."""

    start: int
    end: int
    readings: tuple[str, ...]


def find_dates(text: str, *, day_first: bool | None = None) -> Iterator[Found]:
    """Yield the dates printed in `text`, left to right. `day_first` None keeps both readings of `05/03/2024`."""
    # Only one-to-one foldings, so that offsets stay those of the text as given.
    folded = text.lower()
    if len(folded) != len(text) or "\u03a3" in text:  # a sigma is folded by what follows it
        folded = "".join(low if len(low := c.lower()) == 1 else c for c in text)
    for match in _PATTERN.finditer(folded):
        values = _readings(match, day_first)
        if values:
            yield Found(match.start(), match.end(), values)


def _readings(match: re.Match[str], day_first: bool | None) -> tuple[str, ...]:
    kind = next(k for k in ("iso", "han", "num", "dmy", "mdy", "ymd", "my", "ym", "nmy", "compact") if match[k])
    if kind == "iso":
        return _valid((match["iy"], match["im"], match["id"]))
    if kind == "han":
        return _valid((match["hy"], match["hm"], match["hd"])) if match["hd"] else _month(match["hy"], match["hm"])
    if kind == "num":
        first, second, year = match["n1"], match["n2"], _year(match["ny"])
        day_month, month_day = (year, second, first), (year, first, second)
        if day_first is None:
            likely = (month_day, day_month) if match["nsep"] == "/" else (day_month, month_day)
            return tuple(dict.fromkeys(_valid(*likely)))
        preferred, other = (day_month, month_day) if day_first else (month_day, day_month)
        return _valid(preferred) or _valid(other)
    if kind == "dmy":
        return _valid((_year(match["y"]), _number(match["m"]), match["d"]))
    if kind == "mdy":
        return _valid((match["y2"], _number(match["m2"]), match["d2"]))
    if kind == "ymd":
        return _valid((match["y4"], _number(match["m4"]), match["d4"]))
    if kind == "my":
        return _month(match["y3"], _number(match["m3"]))
    if kind == "ym":
        return _month(match["y5"], match["m5"])
    if kind == "nmy":
        return _month(match["y6"], match["m6"])
    return _valid((match["cy"], match["cm"], match["cd"]))


def _number(name: str) -> str:
    return str(MONTHS[name.rstrip(".")])


def _year(text: str) -> str:
    if len(text) == 4:
        return text
    return f"{'20' if int(text) < 70 else '19'}{text}"


def _month(year: str, month: str) -> tuple[str, ...]:
    return (f"{int(year):04d}-{int(month):02d}",)


def _valid(*candidates: tuple[str, str, str]) -> tuple[str, ...]:
    values = []
    for year, month, day in candidates:
        try:
            values.append(date(int(year), int(month), int(day)).isoformat())
        except ValueError:
            continue
    return tuple(values)


def readings(text: str, *, day_first: bool | None = None) -> tuple[str, ...]:
    """Return what `text`, read as one whole date (weekday and time of day aside), may mean; none if it is not one."""
    if len(text) > 80:
        return ()
    bare = unicodedata.normalize("NFKC", text).strip().strip(".,;")
    bare = _TIME.sub("", bare)
    for candidate in (bare, _WEEKDAY.sub("", bare)):
        found = next(find_dates(candidate, day_first=day_first), None)
        if found and found.start == 0 and found.end == len(candidate):
            return found.readings
    return ()


def prefers_day_first(text: str) -> bool | None:
    """Say whether `text`'s numeric dates put the day first, by those that leave no doubt; None without evidence."""
    votes = 0
    for match in _NUMERIC.finditer(text):
        first, second = int(match["n1"]), int(match["n2"])
        if first > 12 >= second:
            votes += 1
        elif second > 12 >= first:
            votes -= 1
        elif match["nsep"] == ".":
            # Dotted dates are a day-first habit everywhere they are used.
            votes += 1
    return None if votes == 0 else votes > 0
