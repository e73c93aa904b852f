"""Predictions in the form that run-llama/ExtractBench scores, so that anyone with its data can score fieldwise there.

`{"extracted_data": {...}, "field_citations": [{"field_path", "page", "bbox", "reference_text", "confidence"}]}`: a
field path is `items[0].amount`, pages count from 1, a box is `[x, y, w, h]` as fractions of the page. One entry a box.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fieldwise.model import Box, Extraction
from fieldwise.model.schema import escape, unescape

from .cases import Evidence

_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def to_extractbench(extraction: Extraction) -> dict[str, Any]:
    """Write an extraction in that form. Keys that hold a dot or a bracket cannot be told apart in its paths."""
    entries: list[dict[str, Any]] = []
    for pointer, citations in extraction.citations.items():
        for citation in citations:
            base: dict[str, Any] = {
                "field_path": path_from(pointer, extraction.data),
                "page": citation.page,
                "reference_text": citation.quote,
                "source": "fieldwise",
            }
            confidence = extraction.confidence.get(pointer)
            if confidence is not None:
                base["confidence"] = confidence
            boxes: tuple[Box | None, ...] = citation.boxes or (None,)
            entries += [{**base, "bbox": [round(n, 5) for n in box] if box is not None else None} for box in boxes]
    return {"extracted_data": extraction.data, "field_citations": entries}


def path_from(pointer: str, data: Any) -> str:
    """Turn a JSON Pointer into `items[0].amount`; `data` tells list positions from keys that are numbers."""
    path, here = "", data
    for token in pointer.split("/")[1:]:
        if isinstance(here, list) and token.isdigit():
            path += f"[{token}]"
            here = here[int(token)] if int(token) < len(here) else None
        else:
            key = unescape(token)
            path += f".{key}" if path else key
            here = here.get(key) if isinstance(here, Mapping) else None
    return path


def pointer_from(path: str) -> str:
    """Turn `items[0].amount` into a JSON Pointer."""
    return "".join(f"/{index or escape(key)}" for index, key in _STEP.findall(path))


def citations_from_extractbench(entries: Any) -> dict[str, tuple[Evidence, ...]]:
    """Read `field_citations`; entries of one field on one page are one place. Malformed ones are left out."""
    places: dict[tuple[str, int], tuple[list[Box], str]] = {}
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or not isinstance(page := entry.get("page"), int) or page < 1:
            continue
        boxes, _ = places.setdefault(
            (pointer_from(str(entry.get("field_path", ""))), page), ([], str(entry.get("reference_text") or ""))
        )
        box = entry.get("bbox")
        if isinstance(box, list) and len(box) == 4 and all(isinstance(n, int | float) for n in box):
            boxes.append((float(box[0]), float(box[1]), float(box[2]), float(box[3])))
    found: dict[str, tuple[Evidence, ...]] = {}
    for (pointer, page), (boxes, quote) in places.items():
        found[pointer] = (*found.get(pointer, ()), Evidence(page=page, boxes=tuple(boxes), quote=quote))
    return found
