"""`python -m benchmarks.parse.hostile [--out FILE]`: `fieldwise parse` on files made to harm it, with time and memory.

Every file has to end in a result or in an error of ours (exit 0 or 1), within the limits that are set here.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import record

from .hostile_files import MAKERS

TIMEOUT_SECONDS, MEMORY_MB = 20, 1024


class Outcome(NamedTuple):
    """`peak_mb` is the resident memory of the largest of the two processes, the command and the one that reads."""

    bytes: int
    exit_code: int
    outcome: str
    seconds: float
    peak_mb: int


def parse(path: Path, store: Path) -> Outcome:
    """Run the command on one file."""
    environment = {
        **os.environ,
        "FIELDWISE_STORE": f"sqlite:///{store}",
        "FIELDWISE_PARSE_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        "FIELDWISE_PARSE_MEMORY_MB": str(MEMORY_MB),
    }
    began = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "fieldwise", "parse", str(path), "--json", "--quiet"],
            stdout=out,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        # Of a process that was waited for, the peak includes those that it waited for itself.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        out.seek(0)
        outcome = _told(out.read())
    return Outcome(path.stat().st_size, process.returncode, outcome, round(seconds, 2), round(usage.ru_maxrss / 1024))


def _told(output: bytes) -> str:
    try:
        body = json.loads(output)
    except ValueError:
        return f"no JSON: {output[:80]!r}"
    if "error" in body:
        return f"{body['error']['code']}: {body['error']['message']}"
    issues = sorted({issue["code"] for issue in body["issues"]})
    pages = len(body["pages"])
    words = sum(len(page["words"]) for page in body["pages"])
    return f"{pages:,} page{'s' if pages != 1 else ''}, {words:,} words" + (f", {', '.join(issues)}" if issues else "")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.parse.hostile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="*", choices=[*MAKERS, []], help="of the made files; all where none is named")
    parser.add_argument("--out", type=Path, help="keep the result as JSON")
    options = parser.parse_args()
    results: dict[str, Any] = {"limits": {"parse_timeout_seconds": TIMEOUT_SECONDS, "parse_memory_mb": MEMORY_MB}}
    files: dict[str, Any] = {}
    print("| file | bytes | exit | outcome | seconds | peak MB |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.files or MAKERS:
            path = Path(folder) / name
            path.write_bytes(MAKERS[name]())
            found = parse(path, Path(folder) / "runs.db")
            path.unlink()
            outcome = found.outcome.replace(f"{folder}/", "")
            files[name] = {**found._asdict(), "outcome": outcome}
            cells = (name, f"{found.bytes:,}", found.exit_code, outcome[:110], found.seconds, found.peak_mb)
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
    results["files"] = files
    results["unanswered"] = [name for name, found in files.items() if found["exit_code"] not in (0, 1)]
    if options.out is not None:
        record.write(options.out, results)


if __name__ == "__main__":
    main()
