"""The page: draws values as a PDF and keeps the box of every value it draws."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from reportlab.lib.pagesizes import A4
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from .documents import Column, Values

Layout = Literal["ruled", "borderless", "two_line", "subtotals", "headers", "split"]
LAYOUTS: tuple[Layout, ...] = ("ruled", "borderless", "two_line", "subtotals", "headers", "split")
"""ruled: lines around every cell. borderless: nothing but space. two_line: long texts take two lines. subtotals: a sum
after every 15 rows and a carried sum on each page. headers: the heading again on each page. split: two lines, and the
second may stand on the next page."""

Box = tuple[float, float, float, float]

WIDTH, HEIGHT = A4
_LEFT, _RIGHT = 48.0, WIDTH - 48.0
_TOP, _BOTTOM = HEIGHT - 92.0, 64.0
_SIZE, _LINE = 8.5, 11.0
_PAD = 3.0
_REGULAR, _BOLD = "Helvetica", "Helvetica-Bold"
_ROWS_A_SUM = 15


class Rendered(NamedTuple):
    """How many pages were drawn, and by pointer where each value stands: page and boxes, with the words."""

    pages: int
    citations: dict[str, list[dict[str, Any]]]


def render(values: Values, layout: Layout, target: Path) -> Rendered:
    """Draw the document. The same values and layout give the same bytes."""
    return _Drawing(values, layout, target).draw()


class _Drawing:
    def __init__(self, values: Values, layout: Layout, target: Path) -> None:
        self._values = values
        self._layout = layout
        self._canvas = Canvas(str(target), pagesize=A4, invariant=1, pageCompression=1)
        self._canvas.setTitle(f"{values.title} (invented)")
        self._page = 1
        self._y = _TOP
        self._citations: dict[str, list[dict[str, Any]]] = {}
        self._sum = 0.0
        self._of_page = 0.0

    def draw(self) -> Rendered:
        self._furniture()
        self._facts()
        self._heading()
        for number, record in enumerate(self._values.data[self._values.list_field]):
            self._row(number, record)
            if self._layout == "subtotals" and self._values.sum_field is not None:
                self._sum += record[self._values.sum_field]
                if (number + 1) % _ROWS_A_SUM == 0:
                    self._sum_row("Subtotal", self._sum)
                    self._sum = 0.0
        self._need(3)
        self._say(_LEFT, self._y - 2 * _LINE, "End of list", _REGULAR)
        self._canvas.save()
        return Rendered(self._page, self._citations)

    def _furniture(self) -> None:
        self._say(_LEFT, HEIGHT - 40, self._values.title, _BOLD)
        self._say(_RIGHT, HEIGHT - 40, "Invented for tests", _REGULAR, right=True)
        self._canvas.line(_LEFT, HEIGHT - 48, _RIGHT, HEIGHT - 48)
        self._say(_LEFT, 36, "Kolbe & Sons, Harbour Street 4, 20095 Hamburg", _REGULAR)
        self._say(_RIGHT, 36, f"Page {self._page}", _REGULAR, right=True)

    def _facts(self) -> None:
        self._y = HEIGHT - 70
        for field, (label, printed) in self._values.facts.items():
            self._say(_LEFT, self._y, f"{label}:", _BOLD)
            box = self._say(_LEFT + 110, self._y, printed, _REGULAR)
            self._cite(f"/{field}", [box], printed)
            self._y -= _LINE + 2
        self._y -= _LINE

    def _heading(self) -> None:
        top = self._y
        for column, left, right in self._places():
            at = right - _PAD if column.align == "right" else left + _PAD
            self._say(at, top - _LINE + 2, column.heading, _BOLD, right=column.align == "right")
        self._y -= _LINE + 2
        if self._layout == "ruled":
            self._frame(top, self._y)
        elif self._layout != "borderless":
            self._canvas.line(_LEFT, self._y, _RIGHT, self._y)

    def _row(self, number: int, record: dict[str, Any]) -> None:
        lines = {c.field: self._broken(c, c.print(record[c.field]), right - left) for c, left, right in self._places()}
        tallest = max(map(len, lines.values()))
        self._need(1 if self._layout == "split" else tallest)
        top = self._y
        boxes: dict[str, list[tuple[int, Box]]] = {}
        for n in range(tallest):
            if n and self._y - _LINE < _BOTTOM:
                self._next_page()
                top = self._y
            for column, left, right in self._places():
                if n < len(lines[column.field]):
                    at = right - _PAD if column.align == "right" else left + _PAD
                    box = self._say(
                        at, self._y - _LINE + 2.5, lines[column.field][n], _REGULAR, right=column.align == "right"
                    )
                    boxes.setdefault(column.field, []).append((self._page, box))
            self._y -= _LINE
        self._y -= 2
        if self._layout == "ruled":
            self._frame(top, self._y)
        for field, placed in boxes.items():
            if record[field] is None:
                continue  # "ongoing" stands for no date
            pointer = f"/{self._values.list_field}/{number}/{field}"
            for page in dict.fromkeys(page for page, _ in placed):
                words = " ".join(text for text, (p, _) in zip(lines[field], placed, strict=True) if p == page)
                self._cite(pointer, [box for p, box in placed if p == page], words, page)

    def _sum_row(self, label: str, amount: float) -> None:
        self._need(1)
        column, _left, right = next(p for p in self._places() if p[0].field == self._values.sum_field)
        self._say(_LEFT + 60, self._y - _LINE + 2.5, label, _BOLD)
        self._say(right - _PAD, self._y - _LINE + 2.5, column.print(round(amount, 2)), _BOLD, right=True)
        self._y -= _LINE + 2

    def _need(self, lines: int) -> None:
        if self._y - lines * _LINE < _BOTTOM:
            self._next_page()

    def _next_page(self) -> None:
        if self._layout == "subtotals" and self._values.sum_field is not None:
            column, _, right = next(p for p in self._places() if p[0].field == self._values.sum_field)
            self._say(_LEFT + 60, _BOTTOM - 12, "Carried forward", _BOLD)
            self._say(right - _PAD, _BOTTOM - 12, column.print(round(self._sum, 2)), _BOLD, right=True)
        self._canvas.showPage()
        self._page += 1
        self._furniture()
        self._y = HEIGHT - 62
        if self._layout in ("ruled", "headers", "subtotals"):
            self._heading()

    def _places(self) -> list[tuple[Column, float, float]]:
        places, left = [], _LEFT
        for column in self._values.columns:
            right = left + column.share * (_RIGHT - _LEFT)
            places.append((column, left, right))
            left = right
        return places

    def _broken(self, column: Column, text: str, width: float) -> list[str]:
        fits: Callable[[str], bool] = lambda line: stringWidth(line, _REGULAR, _SIZE) <= width - 2 * _PAD  # noqa: E731
        if not column.wraps or (fits(text) and self._layout not in ("two_line", "split")):
            return [text]
        words = text.split(" ")
        if fits(text):
            # A second line where one would do: half of the words on each.
            half = (len(words) + 1) // 2
            return [" ".join(words[:half]), " ".join(words[half:])] if len(words) > 2 else [text]
        lines = [words[0]]
        for word in words[1:]:
            longer = f"{lines[-1]} {word}"
            if fits(longer):
                lines[-1] = longer
            else:
                lines.append(word)
        return lines

    def _frame(self, top: float, bottom: float) -> None:
        self._canvas.setLineWidth(0.4)
        for _, left, right in self._places():
            self._canvas.rect(left, bottom, right - left, top - bottom)

    def _say(self, x: float, y: float, text: str, font: str, *, right: bool = False) -> Box:
        width = stringWidth(text, font, _SIZE)
        left = x - width if right else x
        self._canvas.setFont(font, _SIZE)
        self._canvas.drawString(left, y, text)
        # From the descenders to the ascenders, as a text layer has it.
        top = HEIGHT - y - 0.76 * _SIZE
        return (left / WIDTH, top / HEIGHT, width / WIDTH, 0.98 * _SIZE / HEIGHT)

    def _cite(self, pointer: str, boxes: list[Box], quote: str, page: int | None = None) -> None:
        rounded = [[round(n, 5) for n in box] for box in boxes]
        self._citations.setdefault(pointer, []).append({"page": page or self._page, "boxes": rounded, "quote": quote})
