"""A page as people look at it. Who draws it stands elsewhere; here is what comes of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from .document import Box, Page

ImageFormat = Literal["png", "webp"]


class ShowsPages(Protocol):
    """Draws pages of one document. May wait for a process that does."""

    def image(self, page: Page, width: int, format: ImageFormat, boxes: Sequence[Box]) -> PageImage: ...


@dataclass(frozen=True)
class PageImage:
    """`data` is the file's bytes, `width` and `height` are pixels, `boxes` what is outlined.

    Notebooks show it.
    """

    data: bytes = field(repr=False)
    format: ImageFormat
    width: int
    height: int
    boxes: tuple[Box, ...] = field(default=(), repr=False)
    page: Page | None = field(default=None, repr=False, compare=False)

    @property
    def media_type(self) -> str:
        return f"image/{self.format}"

    def highlight(self, boxes: Iterable[Box]) -> PageImage:
        """Return the same picture with these boxes (fractions of the page) outlined too."""
        assert self.page is not None  # noqa: S101  # whoever draws says of which page
        return self.page.image(self.width, format=self.format, highlight=(*self.boxes, *boxes))

    def __bytes__(self) -> bytes:
        return self.data

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, bytes]:
        return {self.media_type: self.data}
