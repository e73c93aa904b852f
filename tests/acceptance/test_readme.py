"""What the README shows works as it stands there, with the embedded model and without a network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


def test_the_readme_has_a_python_example_of_about_ten_lines() -> None:
    assert BLOCKS
    assert all(len(block.split("\n")) < 20 for block in BLOCKS)


@pytest.mark.embedded
@pytest.mark.timeout(1800)  # a slow machine without the converted model
@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_the_python_of_the_readme_runs(block: str) -> None:
    done = subprocess.run([sys.executable, "-c", block], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Merrow Town Council" in done.stdout
