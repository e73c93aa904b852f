"""Render the example documents, and write their true values, from the sources in documents/source.

    python examples/render.py            writes documents/*.pdf and *.gold.json
    python examples/render.py FOLDER     writes them there instead

All text, people, firms and figures are invented for this project. Needs reportlab in the version that the dependency
group `examples` names (`pip install --group examples`): another version may set other bytes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from layout import contract, invoice, paper

HERE = Path(__file__).resolve().parent


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, layout in (("paper", paper), ("invoice", invoice), ("contract", contract)):
        data = layout.load()
        target = folder / f"{name}.pdf"
        layout.render(data, target)
        gold = json.dumps(layout.gold(data), ensure_ascii=False, indent=2)
        (folder / f"{name}.gold.json").write_text(gold + "\n", encoding="utf-8")
        print(f"{target}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "documents")
