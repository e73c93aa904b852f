"""A benchmark's result as a JSON file that says when, where and how it was measured."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("fieldwise", "llama-index-workflows", "liteparse", "openvino-genai", "xllamacpp", "sqlalchemy", "pydantic")


def machine() -> dict[str, Any]:
    """Processor, cores, memory and system, without the machine's name."""
    cpu = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    except (OSError, ValueError):
        memory = 0
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_mb": memory, "system": platform.platform()}


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, smallest and largest of several runs."""
    return {
        "median": round(statistics.median(values), 4),
        "min": round(min(values), 4),
        "max": round(max(values), 4),
        "runs": len(values),
    }


def write(path: Path, results: dict[str, Any]) -> None:
    body = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": "python -m " + " ".join([(__spec_name() or sys.argv[0]), *sys.argv[1:]]),
        "machine": machine(),
        "versions": versions(),
        "load_average_at_end": [round(load, 2) for load in os.getloadavg()],
        "results": results,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body, indent=2) + "\n")


def __spec_name() -> str | None:
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    name: str | None = getattr(spec, "name", None)
    return name.removesuffix(".__main__") if name else None
