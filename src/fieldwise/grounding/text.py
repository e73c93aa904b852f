"""Text as the locator compares it: NFKC, case folded, cut into tokens that punctuation and spacing cannot change.

A token is a run of letters, digits and combining marks. `.`, `,`, `:`, `/` and `'` between two digits stay inside it:
`69` is never found inside `69.99` or `12/2012`. Scripts written without spaces have one token a character.
Superscript signs are tokens of their own: a footnote mark glued to a name does not hide the name.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Vowel signs and accents of their own code point (Arabic, Indic, Thai ...) belong to the word they stand in.
_MARKS = "".join(chr(c) for c in range(0x0300, 0x1000) if unicodedata.category(chr(c)).startswith("M"))
# Han, kana, Thai, Lao, Khmer, Burmese: no spaces between words, so a "word" may hold the value and much more.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_SUPERSCRIPT = re.compile("([\u00b2\u00b3\u00b9\u2070-\u209c]+)")
_LETTERS = rf"(?:(?![{_UNSPACED}])(?:[^\W_]|[{_MARKS}]))"
_TOKEN = re.compile(rf"[{_UNSPACED}]|{_LETTERS}+(?:(?<=\d)[.,:/'’](?=\d){_LETTERS}+)*")
_ASCII_TOKEN = re.compile(r"[^\W_]+(?:(?<=\d)[.,:/'](?=\d)[^\W_]+)*")


def fold(text: str) -> str:
    """Return `text` in NFKC, case folded; superscripts become digits set apart by a space."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", _SUPERSCRIPT.sub(r" \1 ", text)).casefold()


def tokens(text: str) -> list[str]:
    """Cut `text` into the tokens that are compared."""
    if text.isascii():
        return _ASCII_TOKEN.findall(text.lower())
    return _TOKEN.findall(fold(text))


@lru_cache(maxsize=65_536)
def word_tokens(word: str) -> tuple[str, ...]:
    """`tokens` for one printed word; documents repeat their words, so this is remembered."""
    return tuple(tokens(word))


def squeeze(text: str) -> str:
    """Return all tokens without anything between them: equal for texts that differ in case, spacing or hyphenation."""
    return "".join(tokens(text))


def collapse(text: str) -> str:
    """Return `text` with every run of white space as one space, trimmed."""
    return " ".join(text.split())


# Words that stand in nearly every description and therefore tell no place from another.
_COMMON = (
    "a an and as at by for from in is it its of on or that the this to was were which with e g eg ie etc "
    "der die das des dem den ein eine und oder von für im in am zu de la le les du des et ou un une en el los las y o "
    "del il lo gli di e per con field value name list number string date text document if any each all"
)
STOP_WORDS = frozenset(_COMMON.split())


def label_words(label: str) -> tuple[str, ...]:
    """Return the words of a field's name and description that can tell where its value stands.

    `invoiceNumber` and `invoice_number` are two words each. Where nothing but common words is left, they count.
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", label)
    words = list(dict.fromkeys(t for t in tokens(spaced) if len(t) > 1))
    telling = [t for t in words if t not in STOP_WORDS]
    return tuple(telling or words)
