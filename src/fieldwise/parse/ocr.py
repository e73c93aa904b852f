"""Pictures of pages to words, by rapidocr (PP-OCRv6 small; its weights come in the wheel). Runs in the reading process.

A page may lie on its side, stand on its head, or be askew. The quarter turn is told by the shape of the lines found,
upside down by which way the lines read with more confidence, and the skew by the lines' own slope. Words come out in
the frame of the upright, straightened picture; `Reading.skew` leads back to the picture as it is.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from fieldwise.errors import MissingExtra

from .rulings import Edges

# Longest side, in pixels, of the picture in which lines are looked for; they are read from the whole picture.
DETECTION_SIDE = 1600

# A line that is read with less confidence is a logo, a stain or handwriting: left out, and told.
LEAST_CONFIDENCE = 0.45

_LINE_HEIGHT = 48  # pixels, which the weights were trained on
# The runtime prepares itself anew for every size of its input: few sizes make that cheap.
_WIDTHS = (160, 320, 480, 640, 800, 960, 1280, 1600, 2080, 2720, 3520)
_BATCHES = (8, 4, 2, 1)

_TRIED_BOTH_WAYS = 8  # of the longest lines
_DOUBTFUL = 0.85  # upright lines are read with more confidence than this, all but a few
_SLANTED = 3.0  # degrees: beyond them the picture itself is turned before it is read

# Letters stand closer than this share of the line's height; wider is a space that was not read as one.
_SPACE = 0.75


class OcrWord(NamedTuple):
    """A word in the upright, straightened picture; corners in its pixels, confidence 0..1."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    confidence: float


class OcrLine(NamedTuple):
    """`upright` is False for lines that run up or down the page."""

    words: tuple[OcrWord, ...]
    confidence: float
    upright: bool = True


class Reading(NamedTuple):
    """What stands on one picture.

    `turn` is by how many degrees clockwise the picture was turned to stand upright (0, 90, 180, 270), `skew` by how
    many degrees clockwise its lines then still fall. `width` and `height` are pixels, after the turn. `left_out` counts
    lines that could not be read. `edges` are the rules drawn on the page, in pixels of the straightened frame.
    """

    lines: tuple[OcrLine, ...]
    width: int
    height: int
    turn: int = 0
    skew: float = 0.0
    left_out: int = 0
    edges: Edges = Edges()

    @property
    def confidence(self) -> float:
        """Mean of the lines' confidences, by their length; 1 for a picture without text."""
        weights = [sum(len(word.text) for word in line.words) for line in self.lines]
        total = sum(weights)
        if not total:
            return 1.0
        return sum(line.confidence * weight for line, weight in zip(self.lines, weights, strict=True)) / total


class _Strip(NamedTuple):
    """One line cut out of the picture, `_LINE_HEIGHT` pixels high, and where its corners were (clockwise from the
    top left)."""

    pixels: Any
    corners: Any
    sideways: bool


class _Said(NamedTuple):
    """A strip as it was read: its characters, the middle of each in pixels of the strip, and their confidences.

    Spaces are characters too, and their middles are those of the character before.
    """

    characters: str
    middles: tuple[float, ...]
    confidences: tuple[float, ...]

    @property
    def confidence(self) -> float:
        return sum(self.confidences) / len(self.confidences) if self.confidences else 0.0


def is_installed() -> bool:
    """Whether the extra `ocr` is there, without the second that importing it takes."""
    return all(find_spec(name) is not None for name in ("rapidocr", "openvino", "cv2"))


def missing_extra(what: str) -> MissingExtra:
    return MissingExtra(
        f"{what} needs optical character recognition, which is not installed.",
        next_step='Install it with: pip install "fieldwise[ocr]".',
        extra="ocr",
    )


def read_picture(picture: Any) -> Reading:
    """Read an array of `height x width x 3` bytes (blue, green, red). Raises MissingExtra."""
    import numpy as np

    engine = _engine()
    height, width = picture.shape[:2]
    if min(height, width) < 8:
        return Reading((), width, height)
    boxes = _find(engine, picture)
    turn = 0
    if _lies_on_its_side(boxes):
        turn = 90
        picture = np.ascontiguousarray(np.rot90(picture, -1))
        boxes = _find(engine, picture)
    said = _read(engine, strips := _cut(picture, boxes))
    if _stands_on_its_head(engine, strips, said):
        turn += 180
        picture = np.ascontiguousarray(np.rot90(picture, 2))
        boxes = _find(engine, picture)
        said = _read(engine, strips := _cut(picture, boxes))
    height, width = picture.shape[:2]
    skew = _skew(boxes)
    if abs(skew) > _SLANTED:
        straight, back = _straightened(picture, skew)
        boxes = _find(engine, straight)
        said = _read(engine, strips := _cut(straight, boxes))
        strips = [strip._replace(corners=back(strip.corners)) for strip in strips]
        skew += _skew(boxes)
    lines, left_out = [], 0
    for strip, its in zip(strips, said, strict=True):
        if not its.characters.strip():
            continue
        if its.confidence < LEAST_CONFIDENCE:
            left_out += len(its.characters.strip()) > 2
            continue
        line = _line(strip, its, _unskew(skew, width, height))
        if line.words:
            lines.append(line)
    return Reading(tuple(lines), width, height, turn % 360, skew, left_out, _rules(picture, skew))


@functools.cache
def _engine() -> Any:
    """Load the weights, once in a process (0.3 s). They are named by file, so that nothing is ever downloaded."""
    if not is_installed():
        raise missing_extra("Reading pictures")
    # OpenVINO would report its use to its makers; without this module it cannot.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None: not to be imported
    import rapidocr
    from rapidocr import EngineType, RapidOCR

    models = Path(rapidocr.__file__).parent / "models"
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_cls": False,
            "Global.use_vertical_padding": False,
            "Global.return_word_box": True,
            "Det.engine_type": EngineType.OPENVINO,
            "Det.model_path": str(models / "PP-OCRv6_det_small.onnx"),
            "Det.limit_side_len": DETECTION_SIDE,
            "Det.limit_type": "max",
            # More lines than this would be dropped without a word; the default is 1,000.
            "Det.max_candidates": 20_000,
            "Rec.engine_type": EngineType.OPENVINO,
            "Rec.model_path": str(models / "PP-OCRv6_rec_small.onnx"),
            "Rec.rec_batch_num": _BATCHES[0],
        }
    )


def _find(engine: Any, picture: Any) -> list[Any]:
    """Return the corners of each line (4 x 2, clockwise from its top left), in pixels."""
    import cv2
    import numpy as np
    from rapidocr.main import RapidOCRError

    # The network looks at areas of at least this size, and a line needs some paper around it.
    edge = max(16, *((64 - side) // 2 for side in picture.shape[:2]))
    framed = cv2.copyMakeBorder(picture, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    try:
        _, found = engine.detect_and_crop(framed, {})
    except RapidOCRError:
        return []  # no text
    return [np.asarray(box, dtype=np.float32) - edge for box in found.boxes]


def _lies_on_its_side(boxes: Sequence[Any]) -> bool:
    along = up = 0.0
    for box in boxes:
        width, height = _sides(box)
        if width > 1.5 * height:
            along += width
        elif height > 1.5 * width:
            up += height
    return up > along


def _sides(box: Any) -> tuple[float, float]:
    return math.dist(box[0], box[1]), math.dist(box[0], box[3])


def _skew(boxes: Sequence[Any]) -> float:
    """Return the slope of most of the text in degrees, falling to the right: the median by length."""
    slopes = []
    for box in boxes:
        width, height = _sides(box)
        if width > 4 * height:
            slopes.append((math.degrees(math.atan2(box[1][1] - box[0][1], box[1][0] - box[0][0])), width))
    slopes.sort()
    half = sum(width for _, width in slopes) / 2
    for slope, width in slopes:
        half -= width
        if half <= 0:
            return slope if abs(slope) > 0.1 else 0.0
    return 0.0


def _straightened(picture: Any, skew: float) -> tuple[Any, Any]:
    """Turn the picture by its skew, keeping its corners; also return what takes places in it back."""
    import cv2
    import numpy as np

    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), skew, 1.0)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    wide, high = int(height * sin + width * cos), int(height * cos + width * sin)
    turn[:, 2] += ((wide - width) / 2, (high - height) / 2)
    straight = cv2.warpAffine(
        picture, turn, (wide, high), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=(255, 255, 255)
    )
    inverse = cv2.invertAffineTransform(turn)

    def back(corners: Any) -> Any:
        return np.asarray(corners) @ inverse[:, :2].T + inverse[:, 2]

    return straight, back


def _rules(picture: Any, skew: float) -> Edges:
    """Return the straight lines drawn on the page, as long as some letters are wide at least."""
    import cv2
    import numpy as np

    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    height, width = gray.shape
    if skew:
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), skew, 1.0)
        gray = cv2.warpAffine(gray, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    dark = cv2.adaptiveThreshold(gray, 1, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 25, 15)

    def found(along: int) -> list[tuple[float, float, float]]:
        length = max(24, picture.shape[1] // 25)
        kernel = np.ones((1, length) if along == 0 else (length, 1), np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(cv2.morphologyEx(dark, cv2.MORPH_OPEN, kernel))
        lines = []
        for x, y, wide, high, _area in stats[1:count].tolist():
            at, start, extent, thick = (y, x, wide, high) if along == 0 else (x, y, high, wide)
            if thick <= max(6, length // 6):
                lines.append((at + thick / 2, float(start), float(start + extent)))
        return lines

    return Edges(tuple(found(0)), tuple(found(1)))


def _cut(picture: Any, boxes: Sequence[Any]) -> list[_Strip]:
    """Cut each line out, straightened, upright, and of the height that the weights know."""
    import cv2
    import numpy as np

    strips = []
    for box in boxes:
        along, up = _sides(box)
        sideways = up > 1.5 * along
        corners = np.roll(box, -1, axis=0) if sideways else box  # runs upwards: begins at the bottom left
        if sideways:
            corners = np.stack([box[3], box[0], box[1], box[2]])
            along, up = up, along
        width = max(8, min(_WIDTHS[-1], round(along * _LINE_HEIGHT / max(up, 1.0))))
        target = np.array([[0, 0], [width, 0], [width, _LINE_HEIGHT], [0, _LINE_HEIGHT]], dtype=np.float32)
        warp = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
        pixels = cv2.warpPerspective(
            picture, warp, (width, _LINE_HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        strips.append(_Strip(pixels, corners, sideways))
    return strips


def _read(engine: Any, strips: Sequence[_Strip]) -> list[_Said]:
    """Read strips in batches of few sizes; the answers come in the order of the strips."""
    import numpy as np

    said = [_Said("", (), ())] * len(strips)
    by_width: dict[int, list[int]] = {}
    for index, strip in enumerate(strips):
        width = next(width for width in _WIDTHS if strip.pixels.shape[1] <= width)
        by_width.setdefault(width, []).append(index)
    for width, indices in sorted(by_width.items()):
        for batch in _batches(indices):
            pictures = []
            for index in batch:
                # Gray is what the weights take for nothing.
                padded = np.full((_LINE_HEIGHT, width, 3), 127, dtype=np.uint8)
                padded[:, : strips[index].pixels.shape[1]] = strips[index].pixels
                pictures.append(padded)
            answer = engine.recognize_txt(pictures)
            for index, text, words in zip(batch, answer.txts, answer.word_results, strict=True):
                said[index] = _as_said(text, words, width)
    return said


def _batches(indices: Sequence[int]) -> Iterator[Sequence[int]]:
    at = 0
    for size in _BATCHES:
        while len(indices) - at >= size:
            yield indices[at : at + size]
            at += size


def _as_said(text: str, words: Any, width: int) -> _Said:
    columns = iter([column for its in words.word_cols for column in its])
    pixels = width / words.line_txt_len if words.line_txt_len else 0.0
    middles: list[float] = []
    for character in text:
        middles.append(middles[-1] if character.isspace() and middles else (next(columns, 0) + 0.5) * pixels)
    return _Said(text, tuple(middles), tuple(words.confs[: len(text)]))


def _stands_on_its_head(engine: Any, strips: Sequence[_Strip], said: Sequence[_Said]) -> bool:
    confidences = [its.confidence for its in said if its.characters]
    if not confidences or sum(confidences) / len(confidences) > _DOUBTFUL:
        return False
    longest = sorted(range(len(strips)), key=lambda index: -strips[index].pixels.shape[1])[:_TRIED_BOTH_WAYS]
    turned = [strips[index]._replace(pixels=strips[index].pixels[::-1, ::-1]) for index in longest]
    as_is = sum(said[index].confidence for index in longest)
    return sum(its.confidence for its in _read(engine, turned)) > 1.1 * as_is


def _unskew(skew: float, width: float, height: float) -> tuple[float, float, float, float]:
    angle = math.radians(-skew)
    return math.cos(angle), math.sin(angle), width / 2, height / 2


def _line(strip: _Strip, said: _Said, unskew: tuple[float, float, float, float]) -> OcrLine:
    ink, top, bottom = _ink(strip.pixels)
    width = strip.pixels.shape[1]
    words = []
    characters = said.characters
    for first, last in _words(said, ink, bottom - top):
        text = characters[first:last]
        before = said.middles[first - 1] if first else 0.0
        after = next(
            (said.middles[at] for at in range(last, len(characters)) if not characters[at].isspace()), float(width)
        )
        x0, x1 = _edges(ink, said.middles[first], said.middles[last - 1], before, after)
        corners = [_place(strip, x, y, unskew) for x in (x0, x1) for y in (top, bottom)]
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        confidence = sum(said.confidences[first:last]) / (last - first)
        words.append(OcrWord(text, min(xs), min(ys), max(xs), max(ys), confidence))
    return OcrLine(tuple(words), said.confidence, not strip.sideways)


def _ink(pixels: Any) -> tuple[list[bool], float, float]:
    """Return whether each column of a strip has ink, and the first and last row that do."""
    import cv2

    gray = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    _, dark = cv2.threshold(gray, 0, 1, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)
    if dark.mean() > 0.5:
        dark = 1 - dark  # white on black
    rows = dark.sum(axis=1)
    underlines = rows > 0.8 * dark.shape[1]
    dark[underlines] = 0
    inked = [row for row, count in enumerate(rows) if count >= max(1, 0.01 * dark.shape[1]) and not underlines[row]]
    # What the neighboring lines let hang into the strip touches its edge and is parted from the line itself.
    top, bottom = _core(inked) if inked else (0, _LINE_HEIGHT - 1)
    columns = dark[top : bottom + 1].sum(axis=0) > 0
    return columns.tolist(), float(top), float(bottom + 1)


def _core(rows: Sequence[int]) -> tuple[int, int]:
    """Return the first and last row of the inked rows around the middle, over gaps of up to three rows (dots)."""
    groups = [[rows[0], rows[0]]]
    for row in rows[1:]:
        if row - groups[-1][1] <= 4:
            groups[-1][1] = row
        else:
            groups.append([row, row])
    top, bottom = max(groups, key=lambda group: group[1] - group[0])
    return top, bottom


def _words(said: _Said, ink: Sequence[bool], height: float) -> Iterator[tuple[int, int]]:
    """Yield the first and the last + 1 index of each word: parted at spaces, and where the paper shows wide ones."""
    first = 0
    characters = said.characters
    for at in range(1, len(characters) + 1):
        ended = at == len(characters) or characters[at].isspace()
        if characters[first].isspace():
            first = at
        elif ended or _gap(ink, said.middles[at - 1], said.middles[at]) > _SPACE * height:
            yield first, at
            first = at


def _gap(ink: Sequence[bool], left: float, right: float) -> int:
    """Return the widest stretch without ink between two places."""
    widest = run = 0
    for column in range(max(0, round(left)), min(len(ink), round(right))):
        run = 0 if ink[column] else run + 1
        widest = max(widest, run)
    return widest


def _edges(ink: Sequence[bool], first: float, last: float, before: float, after: float) -> tuple[float, float]:
    """Return where a word begins and ends: from the middle of its outer characters to the middle of the widest gap."""
    start = _widest_gap(ink, before, first)[1] if before < first else first
    end = _widest_gap(ink, last, after)[0] if last < after else last
    return float(min(start, first)), float(max(end, last + 1.0))


def _widest_gap(ink: Sequence[bool], left: float, right: float) -> tuple[int, int]:
    """Return start and end of the widest stretch without ink between two places, or their middle."""
    best: tuple[int, int] | None = None
    start: int | None = None
    low, high = max(0, round(left)), min(len(ink), round(right))
    for column in range(low, high + 1):
        if column < high and not ink[column]:
            start = column if start is None else start
        elif start is not None:
            if best is None or column - start > best[1] - best[0]:
                best = start, column
            start = None
    middle = (low + high) // 2
    return best or (middle, middle)


def _place(strip: _Strip, x: float, y: float, unskew: tuple[float, float, float, float]) -> tuple[float, float]:
    """Take a place in the strip to the straightened picture."""
    u, v = x / strip.pixels.shape[1], y / _LINE_HEIGHT
    a, b, d = strip.corners[0], strip.corners[1], strip.corners[3]
    px = float(a[0] + u * (b[0] - a[0]) + v * (d[0] - a[0]))
    py = float(a[1] + u * (b[1] - a[1]) + v * (d[1] - a[1]))
    cos, sin, middle_x, middle_y = unskew
    px, py = px - middle_x, py - middle_y
    return middle_x + px * cos - py * sin, middle_y + px * sin + py * cos
