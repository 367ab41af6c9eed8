"""Run edgekit as `python -m edgekit`."""

from __future__ import annotations

import sys

from edgekit.cli.start import main

if __name__ == "__main__":
    sys.exit(main())
