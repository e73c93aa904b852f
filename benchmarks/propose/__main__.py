"""python -m benchmarks.propose [--out FILE]: revise each schema as its request says, with the embedded model.

Counted: requests whose check passes, requests that left every other field as it was to the byte, schemas that are
valid, requests done by the first answer. The requests were looked at while the prompts were written: they are no
held-out set.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.propose.revisions import REQUESTS, Request, Schema
from benchmarks.record import spread, write
from fieldwise.errors import FieldwiseError
from fieldwise.llm.embedded import EmbeddedModel
from fieldwise.model import walk_fields
from fieldwise.propose import check_schema, revise
from fieldwise.propose.locating import display_path
from fieldwise.settings import load_settings


async def measure(requests: tuple[Request, ...]) -> dict[str, Any]:
    settings = load_settings()
    model = EmbeddedModel(cache_dir=settings.cache_dir, runtime=settings.embedded_runtime)
    rows: list[dict[str, Any]] = []
    try:
        for request in requests:
            began = time.perf_counter()
            try:
                draft = await revise(request.schema, request.words, model)
            except FieldwiseError as error:
                rows.append({"request": request.words, "done": False, "error": str(error)})
                print(f"FAIL {request.words!r}: {error}", flush=True)
                continue
            seconds = time.perf_counter() - began
            row = {
                "request": request.words,
                "done": _passes(request, draft.json_schema),
                "others_unchanged": not (changed := _changed_unasked(request, draft.json_schema)),
                "valid": not [f for f in check_schema(draft.json_schema) if f.severity == "error"],
                "answers": len(draft.attempts),
                "seconds": round(seconds, 1),
                "notes": list(draft.notes),
            }
            rows.append(row)
            print("ok  " if row["done"] else "MISS", json.dumps(row, ensure_ascii=False), *changed, flush=True)
    finally:
        await model.aclose()
    return {
        "requests": len(rows),
        "done": sum(row["done"] for row in rows),
        "others_unchanged": sum(row.get("others_unchanged", False) for row in rows),
        "valid": sum(row.get("valid", False) for row in rows),
        "by_first_answer": sum(row["done"] and row["answers"] == 1 for row in rows),
        "seconds": spread([row["seconds"] for row in rows if "seconds" in row]),
        "each": rows,
    }


def _passes(request: Request, schema: Schema) -> bool:
    try:
        return bool(request.done(schema))
    except KeyError:
        return False


def _changed_unasked(request: Request, schema: Schema) -> list[str]:
    """Fields outside `touches` that differ; containers are compared by their fields."""
    after = {field.path: field for field in walk_fields(schema)}
    changed = []
    for field in walk_fields(request.schema):
        name = display_path(field.path)
        if any(name == t or name.startswith(f"{t}.") or t.startswith(f"{name}.") for t in request.touches):
            continue
        if "properties" in field.schema or "properties" in field.schema.get("items", {}):
            continue
        now = after.get(field.path)
        if now is None or json.dumps(now.schema) != json.dumps(field.schema) or now.required != field.required:
            changed.append(name)
    return changed


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.propose", description=__doc__)
    options.add_argument("--out", type=Path, help="write the result there, as JSON")
    options.add_argument("--only", nargs="*", type=int, help="numbers of requests, from 0")
    chosen = options.parse_args()
    requests = tuple(REQUESTS[i] for i in chosen.only) if chosen.only else REQUESTS
    results = asyncio.run(measure(requests))
    print(json.dumps({key: value for key, value in results.items() if key != "each"}, indent=2))
    if chosen.out:
        write(chosen.out, {"revisions": results})


if __name__ == "__main__":
    main()
