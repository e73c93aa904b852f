"""Which pages need OCR, and what comes of it.

A page is read by OCR when it has no text layer; when its text layer is garbage (signs that no font explains, or letters
that make no words); and when a picture fills the page and the text layer holds next to nothing, as in a scan with a
stamp. In the last two cases the better of both readings is taken.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from fieldwise.errors import DamagedDocument
from fieldwise.model import Page, ParseIssue

from .compose import Found
from .frames import OcrMode
from .ocr import Reading, is_installed, missing_extra, read_picture
from .render import PdfPictures
from .scan_layout import found_in, slanted

Suspicion = Literal["empty", "garbled", "sparse", "forced"]

_SPARSE = 250  # characters: fewer are a stamp, a page number, a note of where it was downloaded
_FILLED = 0.6  # of the page, by pictures
_UNKNOWN_SIGNS = 0.1
_FEWEST_WORDS = 15
_FEWEST_VOWELS = 0.29  # of all letters; languages in Latin letters have 0.35 to 0.5
_MORE = 1.5  # times as many characters: that much OCR must find to replace a sparse text layer
_LEGIBLE = 0.6

_BLANK_SCALE = 0.5

_LETTERS = re.compile(r"[^\W\d_]{4,}")
_VOWELS = frozenset("aeiouy")

_SAYS: dict[Suspicion, str] = {
    "empty": "has no text layer",
    "garbled": "has a text layer that is garbage",
    "sparse": "is a picture with next to no text layer",
    "forced": "was to be read by OCR",
}


class OcrWish(NamedTuple):
    """`dpi` is how finely pages of a PDF are drawn before they are read."""

    mode: OcrMode = "auto"
    dpi: int = 200


class Scans:
    """Reads pages of one PDF by OCR where their text layer will not do."""

    def __init__(self, data: bytes, wish: OcrWish, recognizing: Callable[[int], None] = lambda page: None) -> None:
        """`recognizing` is called before a page is read."""
        self._data, self._wish, self._recognizing = data, wish, recognizing
        self._pictures: PdfPictures | None = None
        self._suspicions: dict[int, Suspicion] = {}
        self._skews: dict[int, float] = {}
        self._issues: dict[int, ParseIssue] = {}

    def close(self) -> None:
        if self._pictures is not None:
            self._pictures.close()

    def better(self, found: Found) -> Found:
        """Return the page as OCR reads it where its text layer will not do, else as it is.

        Raises MissingExtra where the settings insist on OCR.
        """
        return self._read(found) if self._wants(found) else found

    def _wants(self, found: Found) -> bool:
        if not found.width:
            return False  # it could not be opened
        suspicion = self._suspicion(found)
        if suspicion is None:
            return False
        self._suspicions[found.number] = suspicion
        if self._wish.mode == "off" or not is_installed():
            if self._wish.mode in ("on", "force"):
                raise missing_extra(f"Page {found.number} {_SAYS[suspicion]}; to read it")
            self._issues[found.number] = _unread(found.number, suspicion, self._wish.mode)
            return False
        return True

    def _read(self, found: Found) -> Found:
        number, suspicion = found.number, self._suspicions[found.number]
        self._recognizing(number)
        try:
            picture = self._drawn().draw(number, self._wish.dpi / 72)
        except DamagedDocument as error:
            self._issues[number] = ParseIssue(code="page_damaged", message=error.message, page=number)
            return found
        reading = read_picture(picture)
        if suspicion != "empty" and not _better(reading, found, suspicion):
            if suspicion == "garbled":
                self._issues[number] = ParseIssue(
                    code="page_garbled",
                    message=f"Page {number} has a text layer that looks like garbage, and OCR reads no better.",
                    page=number,
                )
            return found
        turned = reading.turn in (90, 270)
        width, height = (found.height, found.width) if turned else (found.width, found.height)
        self._skews[number] = reading.skew
        issue = doubt(reading, number)
        if issue is not None:
            self._issues[number] = issue
        return found_in(reading, number, width, height)

    def settled(self, page: Page) -> Page:
        """Return the composed page with its boxes where its picture shows them."""
        return slanted(page, self._skews.get(page.number, 0.0))

    def issue(self, number: int) -> ParseIssue | None:
        return self._issues.get(number)

    def _drawn(self) -> PdfPictures:
        if self._pictures is None:
            self._pictures = PdfPictures(self._data)
        return self._pictures

    def _suspicion(self, found: Found) -> Suspicion | None:
        if self._wish.mode == "force":
            return "forced"
        texts = [word.text for run in found.runs for word in run.words]
        try:
            if not texts:
                return None if self._is_blank(found.number) else "empty"
            if is_garbled(texts):
                return "garbled"
            characters = sum(map(len, texts))
            if characters < _SPARSE and self._drawn().covered_by_pictures(found.number) > _FILLED:
                return "sparse"
        except DamagedDocument:
            return None if texts else "empty"
        return None

    def _is_blank(self, number: int) -> bool:
        picture = self._drawn().picture(number, _BLANK_SCALE).convert("L")
        low, high = picture.getextrema()
        return bool(high - low < 16)


def is_garbled(texts: Iterable[str]) -> bool:
    """Whether these words of a text layer are not what the page shows.

    Either many of the signs are in no known script (private use, replacement characters), or they are Latin letters
    that make no words: they have too few vowels. Other scripts are not judged by their words.
    """
    text = "".join(texts := list(texts))
    unknown = sum(unicodedata.category(sign) in ("Co", "Cn", "Cc", "Cs") or sign == "\ufffd" for sign in text)
    # A page of a few bullets is no garbage.
    if unknown > 3 and unknown >= _UNKNOWN_SIGNS * len(text):
        return True
    # Wrong letters come with a wrong space too, and then a line is one word.
    words = _LETTERS.findall(" ".join(texts))
    if len(words) < _FEWEST_WORDS or not all(map(_is_latin, words[:200])):
        return False
    return _vowels(words) < _FEWEST_VOWELS


def _is_latin(word: str) -> bool:
    return all(unicodedata.name(letter, "").startswith("LATIN") for letter in word)


def _vowels(words: Iterable[str]) -> float:
    """Return the share of vowels among the letters; those with accents count."""
    letters = [letter for letter in unicodedata.normalize("NFKD", "".join(words)).lower() if letter.isalpha()]
    return sum(letter in _VOWELS for letter in letters) / len(letters)


def _better(reading: Reading, found: Found, suspicion: Suspicion) -> bool:
    read = sum(len(word.text) for line in reading.lines for word in line.words)
    there = sum(len(word.text) for run in found.runs for word in run.words)
    if suspicion == "sparse":
        return read > _MORE * there and reading.confidence > _LEGIBLE
    if suspicion == "garbled":
        words = [word.text for line in reading.lines for word in line.words]
        return read > 0.3 * there and reading.confidence > _LEGIBLE and not is_garbled(words)
    return read > 0


def doubt(reading: Reading, number: int) -> ParseIssue | None:
    """Return what people must know of a reading: nothing was found, or not all of it with certainty."""
    if not reading.lines:
        return ParseIssue(
            code="page_without_text",
            message=f"Page {number} shows a picture in which no text was found.",
            page=number,
        )
    if reading.left_out or reading.confidence < 0.8:
        left_out = f", and {reading.left_out} lines were left out" if reading.left_out else ""
        return ParseIssue(
            code="ocr_uncertain",
            message=f"Page {number} was read by OCR with {reading.confidence:.0%} confidence{left_out}: "
            "check its values.",
            page=number,
        )
    return None


def _unread(number: int, suspicion: Suspicion, mode: OcrMode) -> ParseIssue:
    code = "page_without_text" if suspicion == "empty" else "page_garbled" if suspicion == "garbled" else "page_sparse"
    if mode == "off":
        why = "OCR is switched off (setting ocr)"
    else:
        code, why = "ocr_missing", 'reading it takes OCR, which is not installed: pip install "fieldwise[ocr]"'
    return ParseIssue(code=code, message=f"Page {number} {_SAYS[suspicion]}; {why}.", page=number)
