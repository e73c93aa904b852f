"""What is left of a document's words and values in a parser's output: one normalization for all parsers."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import cached_property

from fieldwise.grounding import dates, numbers
from fieldwise.grounding.text import squeeze, tokens

_TAG = re.compile(r"</?[A-Za-z][^<>]{0,200}>")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|<>~$&])")
_ISO_DATE = re.compile(r"\d{4}-\d{2}(?:-\d{2})?(?:T.*)?\Z")
_SPACED_NUMBER = re.compile(r"(?<![\d.,])\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d+)?(?![\d])")
_PLAIN_NUMBER = re.compile(r"\d[\d.,']*\d|\d")

# Shorter ones would be found within other words.
_SHORTEST_SQUEEZED = 8
_SHORTEST_WITHIN = 4


def plain(text: str) -> str:
    """Return markdown without what it adds to the words: tags, entities, escapes, marks of PDFium for a hyphen."""
    text = html.unescape(_TAG.sub(" ", text))
    return _ESCAPE.sub(r"\1", text).replace("\x02", "").replace("\ufffe", "").replace("\u00ad", "")


class Output:
    """One document as one parser gave it, ready to be looked into."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.text = plain("\n\n".join(texts))

    @cached_property
    def tokens(self) -> list[str]:
        return tokens(self.text)

    @cached_property
    def bag(self) -> Counter[str]:
        return Counter(self.tokens)

    @cached_property
    def squeezed(self) -> str:
        return "".join(self.tokens)

    @cached_property
    def _joined(self) -> str:
        return f" {' '.join(self.tokens)} "

    @cached_property
    def _numbers(self) -> frozenset[Decimal]:
        found = set()
        for token in self.bag:
            if any(c.isdigit() for c in token):
                for printed in {token, *_PLAIN_NUMBER.findall(token)}:
                    found.update(map(abs, numbers.readings(printed)))
        for match in _SPACED_NUMBER.finditer(self.text):
            found.update(map(abs, numbers.readings(re.sub(r"\s", " ", match[0]))))
        return frozenset(found)

    @cached_property
    def _dates(self) -> frozenset[str]:
        return frozenset(reading for found in dates.find_dates(self.text) for reading in found.readings)

    def holds(self, value: str | float) -> bool:
        """Say whether the value stands here: a number or date in any spelling, text in any case and spacing."""
        if not isinstance(value, str):
            number = numbers.as_decimal(value)
            return number is not None and abs(number) in self._numbers
        if _ISO_DATE.match(value) and value[:10] in self._dates:
            return True
        wanted = tokens(value)
        if not wanted:
            return value.strip() in self.text
        if f" {' '.join(wanted)} " in self._joined:
            return True
        together = "".join(wanted)
        return len(together) >= _SHORTEST_SQUEEZED and together in self.squeezed


def share_held(output: Output | None, values: Sequence[str | float]) -> tuple[int, int]:
    """Return how many of the values stand in the output, and how many there are."""
    return (sum(map(output.holds, values)) if output is not None else 0), len(values)


def union_of(outputs: Sequence[Output]) -> Counter[str]:
    """Return the words of several engines: each as often as the engine has it that has it most often."""
    union: Counter[str] = Counter()
    for output in outputs:
        union |= output.bag
    return union


def words_kept(output: Output, reference: Counter[str]) -> tuple[int, int, int, Counter[str]]:
    """Return how many words of the reference the output has: as they are, and cut or joined otherwise too; how many
    there are; and which are missing.

    Engines differ on where a word ends (`exam-` `ple`, `A.B` or `A. B`): a word of four letters or more counts as kept
    otherwise where its letters follow each other in the output.
    """
    missing: Counter[str] = Counter()
    same = otherwise = 0
    for word, count in reference.items():
        here = min(count, output.bag[word])
        same += here
        if here < count:
            within = output.squeezed.count(word) if len(word) >= _SHORTEST_WITHIN else here
            more = max(0, min(count, within) - here)
            otherwise += more
            if here + more < count:
                missing[word] = count - here - more
    return same, same + otherwise, reference.total(), missing


def squeezed(text: str) -> str:
    return squeeze(plain(text))
