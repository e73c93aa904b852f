"""`python -m fieldwise`: the command line, where the script `fieldwise` is not on the path."""

from __future__ import annotations

import sys

from fieldwise.cli import main

sys.exit(main())
