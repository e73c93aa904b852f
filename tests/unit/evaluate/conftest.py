"""What the tests of evaluation share."""

from __future__ import annotations

import pytest

pytest.importorskip("lap", reason="the extra is not installed: pip install -e '.[evaluate]'")
