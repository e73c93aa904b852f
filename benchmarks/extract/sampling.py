"""The fixed sample: which documents of each data set, by a rule that looks at nothing but names and pages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fieldwise.errors import InputError

from .tasks import Excluded, Task, read_tasks


class Part(NamedTuple):
    """The first `documents` of a data set with at most `max_pages`, in the order of the hashes of their names."""

    dataset: str
    documents: int
    max_pages: int


def read_sample(path: Path) -> tuple[Part, ...]:
    """Read `{"parts": [{"dataset", "documents", "max_pages"}]}`. Raises InputError."""
    try:
        return tuple(Part(**part) for part in json.loads(path.read_text(encoding="utf-8"))["parts"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no sample: {error}.", next_step="See benchmarks/extract/sample.json.") from error


def sampled(data: Path, parts: Sequence[Part]) -> tuple[list[Task], list[Excluded]]:
    """Return the tasks of the sample, data set by data set."""
    tasks: list[Task] = []
    excluded: list[Excluded] = []
    for part in parts:
        found, left_out = read_tasks(data, datasets=[part.dataset], limit=part.documents, max_pages=part.max_pages)
        tasks += found
        excluded += left_out
    return tasks, excluded
