"""Peak memory of what `make demo` runs: all of its processes together, sampled while it works."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PROMPT = "Extract the invoice number, the dates, the customer, the line items and the total"


def _tree_mb(root: int) -> float:
    """Resident memory of a process and its descendants, shared pages counted once where the system tells (Pss)."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    total, todo = 0, [root]
    while todo:
        pid = todo.pop()
        todo += parents.get(pid, [])
        try:
            for line in (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            continue
    return total / 1024


def main(document: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "fieldwise", "run", str(document), PROMPT, "--approve", "--quiet"]
        environment = {**os.environ, "FIELDWISE_STORE": f"sqlite:///{folder}/demo.db"}
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=environment
        )
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, _tree_mb(process.pid))
            time.sleep(0.25)
        seconds = time.perf_counter() - began
    return {"peak_mb": round(peak), "seconds": round(seconds, 1), "exit_code": process.returncode}
