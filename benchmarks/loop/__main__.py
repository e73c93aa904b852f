"""`python -m benchmarks.loop [own waiting startup memory embedded] [--out FILE]`: all that this folder measures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.loop import embedded, memory, own_time, startup, waiting

PARTS = ("own", "waiting", "startup", "memory", "embedded")
DOCUMENTS = Path("examples/documents")
NOTEBOOK = Path("../shared/reference/notebook.txt")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loop", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], help=f"of {', '.join(PARTS)}; all where none is named"
    )
    parser.add_argument("--notebook", type=Path, default=NOTEBOOK, help="the peer's text; left out where it is absent")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--notebook-rounds", type=int, default=5, help="embedded: so many of the rounds run the notebook's flow, too"
    )
    parser.add_argument("--out", type=Path, help="keep the result as JSON")
    options = parser.parse_args()
    notebook = options.notebook if options.notebook.is_file() else None
    paper = DOCUMENTS / "paper.pdf"
    results: dict[str, Any] = {}
    for part in options.parts or PARTS:
        match part:
            case "own":
                results[part] = own_time.main(paper, notebook)
            case "waiting":
                results[part] = waiting.main()
            case "startup":
                results[part] = startup.main(options.rounds)
            case "memory":
                results[part] = memory.main(DOCUMENTS / "invoice.pdf")
            case "embedded":
                results[part] = embedded.main(paper, notebook, options.rounds, options.notebook_rounds)
        print(json.dumps({part: results[part]}, indent=2), flush=True)
    if options.out is not None:
        record.write(options.out, results)


if __name__ == "__main__":
    main()
