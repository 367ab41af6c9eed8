"""Write a machine whose governors, services and start are files of a test: what `--prepare` changes and puts back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.processes import python_program
from tests.runner import trees
from tests.runner.talk import runner

GOVERNOR = "sys/devices/system/cpu/cpufreq/policy{}/scaling_governor"
_SYSTEMCTL = """
import pathlib, sys
here = pathlib.Path(__file__).parent
verb, name = sys.argv[1], sys.argv[-1]
state = here / f"{name}.service"
with (here / "log").open("a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
if (here / "refuse").exists() and verb == "stop":
    sys.exit("Access denied")
if verb == "is-active":
    sys.exit(0 if state.exists() and state.read_text() == "active" else 3)
if not state.exists():
    sys.exit(f"Unit {name}.service not found.")
state.write_text({"stop": "inactive", "start": "active"}[verb])
"""


class Machine:
    """Hold a machine of two clocks and one service, whose folders are this test's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        trees.write(folder, {GOVERNOR.format(0): "ondemand", GOVERNOR.format(4): "schedutil", "proc/sys/kernel/random/boot_id": "first"})
        for number in (0, 4):
            (folder / f"sys/devices/system/cpu/cpu{number}").mkdir()
            (folder / f"sys/devices/system/cpu/cpu{number}/cpufreq").symlink_to(f"../cpufreq/policy{number}")
        (folder / "bin").mkdir()
        python_program(folder / "bin/systemctl", _SYSTEMCTL)
        (folder / "bin/cron.service").write_text("active")
        (folder / "home").mkdir()
        self.state = folder / "home/.cache/edgekit/prepared.json"

    @property
    def roots(self) -> dict[str, str]:
        return {name: str(self.folder / name) for name in ("sys", "proc", "bin")}

    @property
    def governors(self) -> list[str]:
        return [(self.folder / GOVERNOR.format(number)).read_text().strip() for number in (0, 4)]

    @property
    def cron(self) -> str:
        return (self.folder / "bin/cron.service").read_text()

    @property
    def as_it_was(self) -> bool:
        return (self.governors, self.cron) == (["ondemand", "schedutil"], "active")

    @property
    def still(self) -> bool:
        return (self.governors, self.cron) == (["performance", "performance"], "inactive")

    def preparing(self, tmp_path: Path) -> Any:
        return runner("prepare", tmp_path / "cache", env={"HOME": str(self.folder / "home")})

    def mend(self, tmp_path: Path) -> list[str]:
        with runner("infer", tmp_path / "cache", env={"HOME": str(self.folder / "home")}) as talk:
            told: list[str] = talk.ask("mend", roots=self.roots)["told"]
            return told
