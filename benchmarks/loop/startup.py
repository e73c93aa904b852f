"""Start-up: `import fieldwise` and `fieldwise --help`, beside `import pydantic` and a bare interpreter, in one run."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.record import spread

COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "import fieldwise": ("-c", "import fieldwise"),
    "import fieldwise; fieldwise.Fieldwise": ("-c", "import fieldwise; fieldwise.Fieldwise"),
    "import pydantic": ("-c", "import pydantic"),
    "import workflows": ("-c", "import workflows"),
    "fieldwise --help": ("-m", "fieldwise", "--help"),
}


def main(rounds: int = 5) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(rounds + 1):
        for name, arguments in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, cwd=Path.cwd())
            if number:
                seconds[name].append(time.perf_counter() - began)
    return {name: spread(values) for name, values in seconds.items()}
