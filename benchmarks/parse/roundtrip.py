"""Whether a quote from the markdown leads back to exactly its words, and each word to its place.

    python -m benchmarks.parse.roundtrip --out benchmarks/parse/results/roundtrip.json

From each page's markdown, stretches of five written words are drawn by seed, as a model would quote them: the text
between white space, without what markdown adds (the marks of headings, the borders of tables, the tags of running
heads). Each must lead, by `Page.words_between`, to five words that are written as the quote is and whose boxes
lie on the page; and each of these words must lead back by its span to its part of the quote.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import record
from fieldwise.model import Document, Page
from fieldwise.parse import LocalParser

from .corpus import Paper, read_corpus

DATA = Path("../shared/data")
SEED = 1
QUOTED = 5
QUOTES_A_PAGE = 10

_WRITTEN = re.compile(r"\S+")
_BORDER = re.compile(r"\||---")
_MARK = re.compile(r"#{1,6}")
_TAGS = re.compile(r"^<(?:header|footer)>|</(?:header|footer)>$")


class Quote(NamedTuple):
    """A stretch of the markdown, and the words that are written in it."""

    start: int
    end: int
    words: tuple[str, ...]


def quotes(page: Page, pick: random.Random) -> list[Quote]:
    """Return up to `QUOTES_A_PAGE` stretches of five words; none where the page has fewer words."""
    written = []
    for block in page.blocks:
        first = True
        for found in _WRITTEN.finditer(page.markdown, *block.span):
            text = _TAGS.sub("", found[0]) if block.kind in ("header", "footer") else found[0]
            added = _BORDER if block.kind == "table" else _MARK if block.kind == "heading" and first else None
            first = False
            if not (added and added.fullmatch(text)):
                start = found.start() + found[0].index(text)
                written.append((start, start + len(text), text))
    starts = range(len(written) - QUOTED + 1)
    drawn = sorted(pick.sample(starts, min(QUOTES_A_PAGE, len(starts))))
    return [
        Quote(written[at][0], written[at + QUOTED - 1][1], tuple(text for _, _, text in written[at : at + QUOTED]))
        for at in drawn
    ]


def comes_back(page: Page, quote: Quote) -> bool:
    words = page.words_between(quote.start, quote.end)
    if len(words) != len(quote.words):
        return False
    for word, written in zip(words, quote.words, strict=True):
        if word.span is None or word.box is None or page.markdown[slice(*word.span)] != written:
            return False
        x, y, width, height = word.box
        if not (min(x, y) >= 0 and x + width <= 1.0001 and y + height <= 1.0001):
            return False
        # A bullet is written as a hyphen whatever it is on paper; a pipe is escaped in tables.
        if word.text != written.replace("\\|", "|") and written != "-":
            return False
    return True


async def read(papers: list[Paper]) -> list[Document]:
    parser = LocalParser()
    try:
        return [await parser.parse(paper.path) for paper in papers]
    finally:
        await parser.aclose()


def measure(data: Path) -> dict[str, Any]:
    papers = read_corpus(data)
    pick = random.Random(SEED)
    sets: dict[str, list[int]] = {}
    failed: list[dict[str, Any]] = []
    boxes = words = 0
    for paper, document in zip(papers, asyncio.run(read(papers)), strict=True):
        for page in document.pages:
            words += page.word_count
            boxes += sum(word.box is not None for word in page.words)
            for quote in quotes(page, pick):
                right = comes_back(page, quote)
                counts = sets.setdefault(paper.dataset, [0, 0])
                counts[0] += right
                counts[1] += 1
                if not right and len(failed) < 50:
                    found = [word.text for word in page.words_between(quote.start, quote.end)]
                    failed.append({"document": paper.name, "page": page.number, "quote": quote.words, "found": found})
    found, drawn = (sum(counts[at] for counts in sets.values()) for at in (0, 1))
    return {
        "seed": SEED,
        "documents": len(papers),
        "quotes": drawn,
        "come_back": round(found / drawn, 5),
        "by_data_set": {name: {"quotes": all_, "come_back": round(ok / all_, 5)} for name, (ok, all_) in sets.items()},
        "words": words,
        "words_with_a_box": round(boxes / words, 6),
        "failed": failed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parse.roundtrip", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="a folder with MANIFEST.jsonl")
    parser.add_argument("--out", type=Path, help="keep the result as JSON")
    options = parser.parse_args()
    if not (options.data / "MANIFEST.jsonl").is_file():
        parser.error(f"there is no {options.data / 'MANIFEST.jsonl'}: name a folder with --data")
    results = measure(options.data)
    print(json.dumps({**results, "failed": results["failed"][:10]}, indent=1, ensure_ascii=False))
    if options.out is not None:
        record.write(options.out, results)


if __name__ == "__main__":
    main()
