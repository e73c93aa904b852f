"""Follow a value down its column: reading order goes across, so its lines have the words of other columns between."""

from __future__ import annotations

from collections.abc import Sequence

from .index import Place, WordIndex, same_line

_REACH = 80
"""The rest of a value stands within so many tokens after the last line of it: a few lines of a table."""
_MOST_LINES = 12
_INDENT = 0.02
"""Lines of one cell begin at the same place, give or take this share of the page's width."""


def followed(index: WordIndex, start: int, parts: Sequence[str]) -> Place | None:
    """Return the place of a value that begins at token `start` and goes on in lines below; None where it does not.

    Every token must be found, in order; after a break the value goes on below its first line, or at the left of it in
    a hanging indent, never above and never in another column.
    """
    ranges: list[tuple[int, int]] = []
    at, done = start, 0
    while done < len(parts) and len(ranges) < _MOST_LINES:
        run = _run(index, at, parts[done:])
        if run == 0:
            return None
        ranges.append((index.token_word[at], index.token_word[at + run - 1]))
        done += run
        if done < len(parts):
            following = _below(index, ranges, at + run, parts[done])
            if following is None:
                return None
            at = following
    if done < len(parts) or len(ranges) < 2:
        return None
    return Place(ranges[0][0], ranges[0][1], "normalized", True, tuple(ranges[1:]))


def _run(index: WordIndex, start: int, parts: Sequence[str]) -> int:
    """Count how many of `parts` stand from token `start` on without a break."""
    count = 0
    offsets = index.token_offset
    while count < len(parts) and start + count < len(index.token_word):
        token = index.squeezed[offsets[start + count] : offsets[start + count + 1]]
        if token != parts[count]:
            break
        count += 1
    return count


def _below(index: WordIndex, ranges: list[tuple[int, int]], start: int, part: str) -> int | None:
    """Return the token within reach that is `part` and begins a line of the same column below the last one."""
    head, tail = index.boxes[ranges[0][0]], index.boxes[ranges[-1][0]]
    if head is None or tail is None:
        return None
    page = index.page_of(ranges[-1][0])
    right = max(b[0] + b[2] for first, last in ranges for b in index.boxes[first : last + 1] if b is not None)
    offsets = index.token_offset
    for token in range(start, min(start + _REACH, len(index.token_word))):
        word = index.token_word[token]
        if index.squeezed[offsets[token] : offsets[token + 1]] != part or index.first_token[word] != token:
            continue
        box = index.boxes[word]
        if box is None or index.page_of(word) != page or same_line(tail, box) or box[1] < tail[1]:
            continue
        if box[1] - tail[1] <= 4 * max(tail[3], box[3]) and head[0] - _INDENT <= box[0] <= right:
            return token
    return None
