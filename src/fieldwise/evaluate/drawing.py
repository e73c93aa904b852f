"""Drawings of the HTML report, as SVG: the reliability diagram, and a place on a page drawn from its words."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from fieldwise.model import Box, Page

from .confidence import Bin
from .grounding import hull

_SIDE = 320
_EDGE = 40
_LETTER = (612.0, 792.0)


def reliability_svg(bins: Sequence[Bin]) -> str:
    """Draw accuracy over confidence: bars on the diagonal are probabilities that can be believed."""
    size = _SIDE + _EDGE + 12
    parts = [f'<svg class="plot" viewBox="0 0 {size} {size}" role="img" aria-label="Accuracy by confidence">']
    for i in range(0, 11, 2):
        at = i / 10 * _SIDE
        parts.append(f'<line x1="{_EDGE}" x2="{_EDGE + _SIDE}" y1="{6 + _SIDE - at:.1f}" y2="{6 + _SIDE - at:.1f}"/>')
        parts.append(f'<text x="{_EDGE - 6}" y="{10 + _SIDE - at:.1f}" text-anchor="end">{i * 10}</text>')
        parts.append(f'<text x="{_EDGE + at:.1f}" y="{_SIDE + 22}" text-anchor="middle">{i * 10}</text>')
    most = max((b.cells for b in bins), default=1)
    for b in bins:
        left, width = _EDGE + b.low * _SIDE + 2, (b.high - b.low) * _SIDE - 4
        height = b.accuracy * _SIDE
        # Bins with few cells are faint: they say little.
        strength = 0.25 + 0.75 * (b.cells / most) ** 0.5
        parts.append(
            f'<rect x="{left:.1f}" y="{6 + _SIDE - height:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'opacity="{strength:.2f}"><title>confidence {b.low:.1f} to {b.high:.1f}: {b.cells} cells, '
            f"{b.accuracy:.1%} right</title></rect>"
        )
        parts.append(
            f'<text{" class=in" if height > _SIDE - 24 else ""} x="{left + width / 2:.1f}" '
            f'y="{2 + _SIDE - height if height <= _SIDE - 24 else 24 + _SIDE - height:.1f}" '
            f'text-anchor="middle">{b.cells}</text>'
        )
    parts.append(f'<line class="ideal" x1="{_EDGE}" y1="{6 + _SIDE}" x2="{_EDGE + _SIDE}" y2="6"/>')
    parts.append(f'<text x="{_EDGE + _SIDE / 2}" y="{_SIDE + 40}" text-anchor="middle">confidence, %</text>')
    parts.append(f'<text transform="translate(12 {_SIDE / 2}) rotate(-90)" text-anchor="middle">right, %</text></svg>')
    return "".join(parts)


def snippet_svg(page: Page, given: Sequence[Box], wanted: Sequence[Box]) -> str:
    """Draw the words around a place where they stand, the cited boxes filled and the true ones dashed.

    Words come from the page as it was read, so the drawing shows what the system saw. Empty where there is no box.
    """
    if not (given or wanted):
        return ""
    width, height = (page.width, page.height) if page.width > 0 and page.height > 0 else _LETTER
    x, y, w, h = hull([*given, *wanted])
    left, right = max(0.0, x * width - 110), min(width, (x + w) * width + 110)
    top, bottom = max(0.0, y * height - 26), min(height, (y + h) * height + 26)
    bottom = min(bottom, top + 220)
    parts = [
        f'<svg class="snippet" viewBox="{left:.1f} {top:.1f} {right - left:.1f} {bottom - top:.1f}" role="img" '
        f'aria-label="Place on page {page.number}">'
    ]
    parts += [_rect(box, width, height, "given") for box in given]
    for word in page.words:
        if word.box is None:
            continue
        wx, wy, ww, wh = word.box[0] * width, word.box[1] * height, word.box[2] * width, word.box[3] * height
        if wx > right or wx + ww < left or wy > bottom or wy + wh < top:
            continue
        parts.append(
            f'<text x="{wx:.1f}" y="{wy + wh * 0.8:.1f}" font-size="{max(4.0, wh * 0.85):.1f}" '
            f'textLength="{max(1.0, ww):.1f}" lengthAdjust="spacingAndGlyphs">{escape(word.text)}</text>'
        )
    parts += [_rect(box, width, height, "wanted") for box in wanted]
    return "".join(parts) + "</svg>"


def _rect(box: Box, width: float, height: float, kind: str) -> str:
    x, y, w, h = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    return f'<rect class="{kind}" x="{x - 1:.1f}" y="{y - 1:.1f}" width="{w + 2:.1f}" height="{h + 2:.1f}"/>'
