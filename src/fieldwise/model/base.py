"""What all nouns share: frozen, no unknown keys, JSON in and out."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

JsonSchema = dict[str, Any]


class Frozen(BaseModel):
    """A value. Make a changed copy with `model_copy(update=...)`."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def new_id(prefix: str) -> str:
    """Return a fresh id such as `run_0193f2a1b2c3d4e5`: time first, so that ids sort by age."""
    milliseconds = int(datetime.now(UTC).timestamp() * 1000)
    return f"{prefix}_{milliseconds:011x}{uuid.uuid4().hex[:9]}"


def now() -> datetime:
    return datetime.now(UTC)
