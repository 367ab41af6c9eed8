"""Run the commands of docs/devices/pi.md on the emulated Raspberry Pi of the tests: `python docs/rehearse_pi.py`.

Their real output is put into the page. It needs what the tests of that Pi need (`make ci-packages`); the first time it fetches about
150 MB into pytest's cache folder.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from refresh import BLOCK, ROOT, refresh, run

sys.path.insert(0, str(ROOT))

from edgekit.flows.emulate import EmulationRequest, emulated
from tests.emulated_pi import emulated_pi

PAGE = ROOT / "docs/devices/pi.md"
LOAD = "idle 3.5 W"  # steady: what an emulated Pi infers is nothing that its tester could know


def main() -> None:
    """Refresh the page."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "edgekit"
        folder.mkdir()
        run("edgekit models build digits_cnn", folder)
        with emulated_pi(ROOT / ".pytest_cache/d/emulated-pi", Path(scratch)) as pi:
            config = folder / "ssh_config"
            config.write_text(f"Host emulated-pi\n HostName localhost\n Port {pi.server.port}\n{pi.server.config.read_text()}")
            os.environ |= {"EDGEKIT_SSH_CONFIG": str(config), "PI": str(pi.machine), "WHEELS": str(pi.wheels)}
            with emulated(EmulationRequest(kind="um25c", load=LOAD, link=folder / "tester")):
                text = PAGE.read_text(encoding="utf-8")
                text = BLOCK.sub(lambda found: f"```console\n{refresh(found.group(1), folder)}```", text)
                PAGE.write_text(text.replace(str(pi.server.home), "~"), encoding="utf-8")


if __name__ == "__main__":
    main()
