"""Write synthetic documents with their gold and a MANIFEST into a folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from .documents import KINDS, Kind, make_values
from .render import LAYOUTS, Layout, render

ROWS = (30, 100, 300, 1_000, 2_200)


def write(folder: Path, kind: Kind, layout: Layout, rows: int, seed: int) -> dict[str, Any]:
    """Write one document, its gold and its schema; return its line of the MANIFEST."""
    folder.mkdir(parents=True, exist_ok=True)
    values = make_values(kind, rows, seed)
    name = f"{kind}-{layout}-{rows}-{seed}"
    rendered = render(values, layout, folder / f"{name}.pdf")
    gold = {
        "data": values.data,
        "citations": rendered.citations,
        "pages": rendered.pages,
        "day_first": values.day_first,
        "decimal_mark": values.decimal_mark,
        "groups": {"kind": kind, "layout": layout, "rows": str(rows)},
    }
    (folder / f"{name}.gold.json").write_text(json.dumps(gold, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / f"{kind}.schema.json").write_text(json.dumps(values.schema, indent=2) + "\n", encoding="utf-8")
    return {
        "dataset": "synthetic",
        "doc": f"{name}.pdf",
        "gold": f"{name}.gold.json",
        "schema": f"{kind}.schema.json",
        "domain": kind,
        "kind": "born-digital",
        "group": layout,
        "pages": rendered.pages,
        "lang": "de" if values.decimal_mark == "," else "en",
        "gold_leaves": len(rendered.citations),
        "longest_array": rows,
        "licence": "Apache-2.0",
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synthetic", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", choices=KINDS, action="append", help="default: all")
    parser.add_argument("--layout", choices=LAYOUTS, action="append", help="default: all")
    parser.add_argument("--rows", type=int, action="append", help=f"default: {', '.join(map(str, ROWS))}")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    lines = [
        write(given.folder, kind, layout, rows, given.seed)
        for kind in given.kind or KINDS
        for layout in given.layout or LAYOUTS
        for rows in given.rows or ROWS
    ]
    manifest = "".join(json.dumps(line) + "\n" for line in lines)
    (given.folder / "MANIFEST.jsonl").write_text(manifest, encoding="utf-8")
    print(f"{len(lines)} documents, {sum(line['pages'] for line in lines)} pages in {given.folder}")


if __name__ == "__main__":
    main()
