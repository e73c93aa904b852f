"""`python -m fieldwise` is the command line."""

from __future__ import annotations

import sys

from fieldwise.cli import main

if __name__ == "__main__":
    sys.exit(main())
