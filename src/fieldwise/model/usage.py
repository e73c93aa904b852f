"""What a piece of work cost."""

from __future__ import annotations

from .base import Frozen


class Usage(Frozen):
    """Tokens, calls and seconds of model work; add two with `+`. `cached_tokens` are part of `input_tokens`."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0
    seconds: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            calls=self.calls + other.calls,
            seconds=self.seconds + other.seconds,
        )
