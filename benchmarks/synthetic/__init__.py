"""Long lists whose true values and places are known by construction: fixed first, rendered to PDF after.

    python -m benchmarks.synthetic FOLDER                      every kind, layout and length: a folder with a MANIFEST
    python -m benchmarks.synthetic FOLDER --kind bank --layout split --rows 300 --seed 7

All names, firms and figures are invented. Needs reportlab (`pip install --group examples`).
"""

from __future__ import annotations

from .documents import KINDS, Kind, Values, make_values
from .render import LAYOUTS, Layout, Rendered, render

__all__ = ["KINDS", "LAYOUTS", "Kind", "Layout", "Rendered", "Values", "make_values", "render"]
