"""Pages of a PDF to pictures, by pypdfium2 (10 ms a page at 200 dpi). Runs in the reading process only."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from fieldwise.errors import DamagedDocument

T = TypeVar("T")

# Of one picture: 40 million pixels are 120 MB, and an A4 page at 550 dpi.
MOST_PIXELS = 40_000_000
LONGEST_SIDE = 12_000

_FORM_DEPTH = 4  # how deep pictures are looked for within forms


class PdfPictures:
    """An opened PDF. Pages count from 1; sizes are points after the page's own rotation."""

    def __init__(self, data: bytes) -> None:
        """Raises DamagedDocument."""
        import pypdfium2

        try:
            self._file = pypdfium2.PdfDocument(data)
            self._file.init_forms()  # before the first page is opened: what is typed into fields is drawn too
        except pypdfium2.PdfiumError as error:
            raise DamagedDocument(f"The PDF cannot be drawn: {error}.", next_step="Export it again.") from None

    def close(self) -> None:
        self._file.close()

    @property
    def count(self) -> int:
        return len(self._file)

    def size(self, number: int) -> tuple[float, float]:
        return self._with_page(number, _size)

    def draw(self, number: int, scale: float) -> Any:
        """Return the page as an array of `height x width x 3` bytes (blue, green, red), `scale` pixels to a point.

        It is drawn smaller where it would be larger than `MOST_PIXELS` or `LONGEST_SIDE`. Raises DamagedDocument.
        """

        def drawn(page: Any) -> Any:
            width, height = _size(page)
            fitting = within_limits(width, height, scale)
            # An odd page may be thinner than a pixel.
            least = 1.0 / min(width, height) if min(width, height) > 0 else 1.0
            bitmap = page.render(scale=min(max(fitting, least), LONGEST_SIDE / max(width, height)), rev_byteorder=False)
            try:
                pixels = bitmap.to_numpy()
                return pixels[:, :, :3].copy() if pixels.ndim == 3 else pixels.copy()
            finally:
                bitmap.close()

        return self._with_page(number, drawn)

    def picture(self, number: int, scale: float) -> Any:
        """As `draw`, as a Pillow image in RGB."""

        def drawn(page: Any) -> Any:
            width, height = _size(page)
            bitmap = page.render(scale=within_limits(width, height, scale))
            try:
                return bitmap.to_pil().convert("RGB")
            finally:
                bitmap.close()

        return self._with_page(number, drawn)

    def covered_by_pictures(self, number: int) -> float:
        """Return how much of the page is covered by its pictures, 0..1 (those that overlap count twice)."""
        from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

        def measured(page: Any) -> float:
            width, height = _size(page)
            area = 0.0
            for image in page.get_objects(filter=[FPDF_PAGEOBJ_IMAGE], max_depth=_FORM_DEPTH):
                left, bottom, right, top = image.get_bounds()
                area += max(0.0, right - left) * max(0.0, top - bottom)
            return min(1.0, area / (width * height)) if width * height > 0 else 0.0

        return self._with_page(number, measured)

    def _with_page(self, number: int, use: Callable[[Any], T]) -> T:
        import pypdfium2

        try:
            page = self._file[number - 1]
        except (pypdfium2.PdfiumError, IndexError) as error:
            raise DamagedDocument(f"Page {number} cannot be drawn: {error}.", page=number) from None
        try:
            return use(page)
        except (pypdfium2.PdfiumError, ValueError, ZeroDivisionError) as error:
            raise DamagedDocument(f"Page {number} cannot be drawn: {error}.", page=number) from None
        finally:
            page.close()


def _size(page: Any) -> tuple[float, float]:
    width, height = page.get_size()
    return float(width), float(height)


def within_limits(width: float, height: float, scale: float) -> float:
    """Return the scale, or the largest one that keeps a picture of this size within the limits."""
    if width <= 0 or height <= 0:
        return scale
    return min(scale, LONGEST_SIDE / max(width, height), math.sqrt(MOST_PIXELS / (width * height)))
