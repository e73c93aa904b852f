"""Share of the gold values that can be found after OCR, and seconds a page.

    python -m benchmarks.parse.scans [--limit N] [--out FILE]

Documents: the receipts of `sroie` (all 20) and every PDF of `contextual-extract-bench` that has no text layer at all
(the scanned resumes). A value counts as found where the markdown of the whole document has its letters and digits in
order, case, spaces and signs apart; `near` counts it too where one letter in ten differs, which is what a person would
still accept and what grounding looks for. Null and empty values are left out; each value of a document counts once.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import json
import os
import platform
import re
import sys
import time
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fieldwise.parse import LocalParser

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
RESULTS = Path(__file__).resolve().parent / "results"
NEAR = 0.9


def documents() -> Iterator[tuple[str, Path, list[str]]]:
    """Yield data set, file and gold values."""
    for image in sorted((DATA / "sroie" / "img").glob("*.jpg")):
        yield "sroie", image, values(json.loads((DATA / "sroie" / "key" / f"{image.stem}.json").read_text()))
    for pdf in sorted((DATA / "contextual-extract-bench").rglob("*.pdf")):
        if not has_text_layer(pdf):
            yield "scanned resumes", pdf, values(json.loads(pdf.with_suffix(".gold.json").read_text()))


def has_text_layer(path: Path) -> bool:
    import pypdfium2

    with pypdfium2.PdfDocument(path) as document:
        return any(page.get_textpage().count_chars() for page in document)


def values(gold: Any) -> list[str]:
    """Return the leaves of the gold, each once, without those that hold nothing."""
    found: dict[str, None] = {}

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)
        elif node is not None and not isinstance(node, bool) and plain(str(node)):
            found.setdefault(str(node))

    walk(gold)
    return list(found)


def plain(text: str) -> str:
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", text).casefold())


def is_near(value: str, text: str) -> bool:
    from rapidfuzz.fuzz import partial_ratio

    return len(value) >= 5 and partial_ratio(value, text) >= 100 * NEAR


async def measure(limit: int | None) -> dict[str, Any]:
    parser = LocalParser(processes=1)
    sets: dict[str, dict[str, Any]] = {}
    try:
        chosen = list(documents())[:limit]
        await parser.parse(chosen[0][1])  # the weights are loaded once in a process
        for name, path, gold in chosen:
            start = time.perf_counter()
            document = await parser.parse(path)
            seconds = time.perf_counter() - start
            text = plain(document.markdown)
            exact = [value for value in gold if plain(value) in text]
            near = [value for value in gold if value not in exact and is_near(plain(value), text)]
            scores = sets.setdefault(
                name, {"documents": 0, "pages": 0, "values": 0, "found": 0, "near": 0, "seconds": []}
            )
            scores["documents"] += 1
            scores["pages"] += len(document.pages)
            scores["values"] += len(gold)
            scores["found"] += len(exact)
            scores["near"] += len(near)
            scores["seconds"].append(round(seconds / len(document.pages), 2))
            missed = [value for value in gold if value not in exact]
            scores.setdefault("missed", {}).update({path.name: missed} if missed else {})
    finally:
        await parser.aclose()
    for scores in sets.values():
        scores["share_found"] = round(scores["found"] / scores["values"], 4)
        scores["share_found_or_near"] = round((scores["found"] + scores["near"]) / scores["values"], 4)
        scores["median_seconds_per_page"] = sorted(scores["seconds"])[len(scores["seconds"]) // 2]
    return sets


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--limit", type=int)
    arguments.add_argument("--out", type=Path)
    given = arguments.parse_args()
    if not DATA.is_dir():
        print("the data sets are not here (../shared/data)", file=sys.stderr)
        return 1
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["python -m benchmarks.parse.scans", *sys.argv[1:]]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load_before": round(os.getloadavg()[0], 2),
        "versions": {
            name: importlib.metadata.version(name) for name in ("rapidocr", "openvino", "pypdfium2", "pillow")
        },
        "sets": asyncio.run(measure(given.limit)),
    }
    text = json.dumps(result, indent=1, ensure_ascii=False)
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")
    for name, scores in result["sets"].items():
        print(
            f"{name}: {scores['found']} of {scores['values']} values found ({scores['share_found']:.1%}), "
            f"with near ones {scores['share_found_or_near']:.1%}; "
            f"median {scores['median_seconds_per_page']} s a page, {scores['pages']} pages"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
