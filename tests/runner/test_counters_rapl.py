"""RAPL through powercap: which place each zone is, what contains what, what is a duplicate, when it wraps, and what keeps it closed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekit.runner import counters
from edgekit.runner.counters import powercap, rapl
from tests.conftest import REPOSITORY
from tests.runner import trees

Zones = dict[str, tuple[str, int]]


def probed(root: Path, steps: dict[str, int] | None = None) -> dict[str, Any]:
    """Probe a tree whose counters advance by `steps` while the probe waits."""
    return rapl.probe({"powercap": str(root)}, pause=lambda _: trees.advance(root, steps or {}))


def parents(found: dict[str, Any]) -> dict[str, str | None]:
    return {channel["id"]: channel["parent"] for channel in found["channels"]}


def test_zones_nest_and_dram_is_not_inside_its_package(tmp_path: Path) -> None:
    found = probed(trees.powercap(tmp_path / "powercap", trees.LAPTOP))
    assert found["usable"]
    assert parents(found) == {
        "rapl.package-0": "rapl.psys",
        "rapl.package-0.core": "rapl.package-0",
        "rapl.package-0.uncore": "rapl.package-0",
        "rapl.package-0.dram": "rapl.psys",
        "rapl.psys": None,
    }


def test_without_psys_packages_and_dram_stand_side_by_side(tmp_path: Path) -> None:
    zones = {f"intel-rapl:{n}": (f"package-{n}-die-1", 5 + n) for n in (0, 1)} | {f"intel-rapl:{n}:0": ("dram", 5) for n in (0, 1)}
    found = probed(trees.powercap(tmp_path / "powercap", zones))
    assert parents(found) == {
        "rapl.package-0-die-1": None,
        "rapl.package-0-die-1.dram": None,
        "rapl.package-1-die-1": None,
        "rapl.package-1-die-1.dram": None,
    }
    assert {channel["domain"] for channel in found["channels"]} == {"package", "dram"}


@pytest.mark.parametrize(
    ("maximum", "modulus", "unit"), [(trees.INTEL_MAX_UJ, 262_143_328_911, 61), (trees.AMD_MAX_UJ, 65_532_611_002, 15)]
)
def test_a_counter_wraps_one_unit_after_its_maximum(tmp_path: Path, maximum: int, modulus: int, unit: int) -> None:
    found = probed(trees.powercap(tmp_path / "powercap", {"intel-rapl:0": ("package-0", 1)}, maximum))
    assert (found["channels"][0]["wrap"], found["channels"][0]["quantum"]) == (modulus, unit)
    assert modulus == 2**32 * round(maximum * 1000 / (2**32 - 1)) // 1000


def test_without_a_maximum_the_modulus_is_unknown_and_that_is_said(tmp_path: Path) -> None:
    found = probed(trees.powercap(tmp_path / "powercap", {"intel-rapl:0": ("package-0", 1)}, maximum=None))
    assert found["usable"]
    assert found["channels"][0]["wrap"] is None
    assert found["notes"] == ["intel-rapl:0 states no maximum: where its counter wraps is not known"]


def test_a_zone_whose_limit_is_not_enforced_still_counts(tmp_path: Path) -> None:
    root = trees.powercap(tmp_path / "powercap", {"intel-rapl:0": ("package-0", 7)})
    assert (root / "intel-rapl:0" / "enabled").read_text() == "0\n"
    assert probed(root)["usable"]


def test_mmio_twins_are_skipped_and_reported(tmp_path: Path) -> None:
    found = probed(trees.powercap(tmp_path / "powercap", trees.LAPTOP | {"intel-rapl-mmio:0": ("package-0", 1_000_001)}))
    assert len(found["channels"]) == len(trees.LAPTOP)
    assert found["notes"] == ["intel-rapl-mmio:0 (package-0) repeats intel-rapl:0 through another register and is skipped"]


def test_an_mmio_zone_without_a_twin_is_used(tmp_path: Path) -> None:
    found = probed(trees.powercap(tmp_path / "powercap", {"intel-rapl-mmio:0": ("package-0", 1), "intel-rapl-mmio:0:0": ("dram", 2)}))
    assert parents(found) == {"rapl.package-0": None, "rapl.package-0.dram": None}


def test_two_zones_of_one_name_keep_two_channel_ids(tmp_path: Path) -> None:
    found = probed(trees.powercap(tmp_path / "powercap", {"intel-rapl:0": ("package-0", 10**9), "intel-rapl:1": ("package-0", 5)}))
    assert len(set(parents(found))) == 2


DIES: Zones = {
    "intel-rapl:0": ("package-0-die-0", 5_000_000_000),
    "intel-rapl:0:0": ("core", 1),
    "intel-rapl:1": ("package-0-die-1", 5_000_000_400),
    "intel-rapl:1:0": ("core", 2),
}


def test_mirrored_dies_are_one_counter_and_the_rest_is_reported(tmp_path: Path) -> None:
    found = probed(trees.powercap(tmp_path / "powercap", DIES), {"intel-rapl:0": 3_000_000, "intel-rapl:1": 3_060_000})
    assert set(parents(found)) == {"rapl.package-0-die-0", "rapl.package-0-die-0.core"}
    assert found["notes"] == ["intel-rapl:1 (package-0-die-1) shows the counter of intel-rapl:0 (package-0-die-0) once more: skipped"]


@pytest.mark.parametrize(
    ("apart", "steps"),
    [
        (2_000_000, {"intel-rapl:0": 3_000_000, "intel-rapl:1": 3_000_000}),  # two joules apart: never one register
        (400, {"intel-rapl:0": 3_000_000, "intel-rapl:1": 2_000_000}),  # close by chance, but one die works harder
        (400, {}),  # nothing moved, nothing is shown
    ],
)
def test_dies_of_their_own_are_both_kept(tmp_path: Path, apart: int, steps: dict[str, int]) -> None:
    zones = {"intel-rapl:0": ("package-0-die-0", 5_000_000_000), "intel-rapl:1": ("package-0-die-1", 5_000_000_000 + apart)}
    found = probed(trees.powercap(tmp_path / "powercap", zones), steps)
    assert len(found["channels"]) == 2
    assert found["notes"] == []


def test_a_zone_that_cannot_be_read_is_left_out_with_a_note(tmp_path: Path) -> None:
    root = trees.powercap(tmp_path / "powercap", trees.LAPTOP)
    (root / "intel-rapl:1" / "energy_uj").write_text("")
    found = probed(root)
    assert "rapl.psys" not in parents(found)
    assert parents(found)["rapl.package-0"] is None
    assert "intel-rapl:1" in found["notes"][0]


@pytest.mark.parametrize("zones", [None, {}])
def test_a_machine_without_rapl_says_so(tmp_path: Path, zones: Any) -> None:
    root = tmp_path / "powercap"
    if zones is not None:
        trees.powercap(root, zones)
    found = probed(root)
    assert not found["usable"]
    assert str(root) in found["why"]
    assert found["do"] == [], "nothing can be done"


def test_an_empty_tree_is_called_empty(tmp_path: Path) -> None:
    (tmp_path / "powercap").mkdir()
    assert "is empty" in probed(tmp_path / "powercap")["why"]


def test_a_container_that_masks_the_tree_is_recognised(tmp_path: Path) -> None:
    root = trees.powercap(tmp_path / "powercap", trees.LAPTOP)
    (tmp_path / "devices/virtual/powercap").rename(tmp_path / "hidden")
    found = probed(root)
    assert not found["usable"]
    assert "points to ../devices/virtual/powercap/intel-rapl, which does not exist" in found["why"]
    assert "container masks /sys/devices/virtual/powercap" in found["detail"]
    commands = " ".join(command for _, command in found["do"])
    assert "docker run --security-opt systempaths=unconfined" in commands
    assert "podman run --security-opt unmask=" in commands


PROBE = """
import json, sys
from edgekit.runner import counters
print(json.dumps(counters.probe("rapl", {"powercap": sys.argv[1]})))
"""


def probed_by_an_ordinary_user(as_ordinary_user: Callable[..., Any], root: Path) -> dict[str, Any]:
    done = as_ordinary_user([sys.executable, "-c", PROBE, root], cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_forbidden_counter_names_file_mode_rule_and_remedies(tmp_path: Path, as_ordinary_user: Callable[..., Any]) -> None:
    root = trees.powercap(tmp_path / "powercap", trees.LAPTOP)
    for zone in trees.LAPTOP:
        (root / zone / "energy_uj").chmod(0)
    found = probed_by_an_ordinary_user(as_ordinary_user, root)
    assert not found["usable"]
    assert "intel-rapl:0/energy_uj has mode 0o0 and this user may not read it" in found["why"]
    assert "CVE-2020-8694" in found["detail"]
    commands = " ".join(command for _, command in found["do"])
    for remedy in ("chmod a+r /sys/class/powercap", "groupadd -f energy", "udevadm trigger", "systemd-tmpfiles", "sudo -E"):
        assert remedy in commands


def test_the_zones_that_one_may_read_are_used_and_the_others_named(tmp_path: Path, as_ordinary_user: Callable[..., Any]) -> None:
    root = trees.powercap(tmp_path / "powercap", trees.LAPTOP)
    (root / "intel-rapl:1" / "energy_uj").chmod(0)
    found = probed_by_an_ordinary_user(as_ordinary_user, root)
    assert "rapl.psys" not in parents(found)
    assert [note for note in found["notes"] if "intel-rapl:1/energy_uj may not be read by this user" in note]


def test_a_counter_is_read_anew_each_time_and_half_a_number_is_no_reading(tmp_path: Path) -> None:
    root = trees.powercap(tmp_path / "powercap", {"intel-rapl:0": ("package-0", 123)})
    zones = rapl.start({"powercap": str(root)}, [])
    ((identity, read),) = zones.readers
    assert (identity, read()) == ("rapl.package-0", 123)
    energy = root / "intel-rapl:0" / "energy_uj"
    energy.write_text("456\n")
    assert read() == 456
    for torn in ("45", ""):
        energy.write_text(torn)
        with pytest.raises(ValueError, match="read"):
            read()
    zones.close()


def test_a_tree_can_say_that_it_is_an_imitation(tmp_path: Path) -> None:
    root = trees.powercap(tmp_path / "powercap", trees.LAPTOP)
    assert "emulated" not in powercap.probe({"powercap": str(root)})
    (root / "intel-rapl" / "edgekit_emulated").write_text("yes\n")
    assert powercap.probe({"powercap": str(root)})["emulated"] is True


def test_the_tree_below_a_replaced_sys_is_found(tmp_path: Path) -> None:
    trees.powercap(tmp_path / "class" / "powercap", {"intel-rapl:0": ("package-0", 9)})
    assert counters.probe("rapl", {"sys": str(tmp_path)})["channels"][0]["id"] == "rapl.package-0"


def test_every_channel_names_instrument_and_driver(tmp_path: Path) -> None:
    trees.write(tmp_path / "proc", {"cpuinfo": "processor : 0\nmodel name : Some CPU @ 2 GHz\nphysical id : 0\n"})
    root = trees.powercap(tmp_path / "powercap", trees.LAPTOP)
    (row, *_) = rapl.probe({"powercap": str(root), "proc": str(tmp_path / "proc")})["channels"]
    assert row["identity"] == "Some CPU @ 2 GHz, 1 socket(s)"
    assert row["driver"].startswith("Linux ")
    assert row["update_period_s"] == 1e-3


def test_what_imitates_rapl_is_not_called_after_the_processor_it_runs_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = trees.powercap(tmp_path / "powercap", trees.LAPTOP)
    monkeypatch.delenv("EDGEKIT_EMULATED", raising=False)
    assert {row["identity"] for row in rapl.probe({"powercap": str(root)})["channels"]} == {f"tree in {root}"}
    monkeypatch.setenv("EDGEKIT_EMULATED", "plant laptop")
    assert {row["identity"] for row in rapl.probe({"powercap": str(root)})["channels"]} == {"plant laptop"}


@pytest.mark.parametrize("maximum", ["inf", "nan", "1e400", "-1", "0", "all of it"])
def test_a_maximum_that_is_no_number_costs_the_wrap_and_not_the_counter(tmp_path: Path, maximum: str) -> None:
    root = trees.powercap(tmp_path / "powercap", {"intel-rapl:0": ("package-0", 5)}, maximum)  # type: ignore[arg-type]
    found = probed(root)
    assert (found["usable"], found["channels"][0]["wrap"]) == (True, None)
    assert "where its counter wraps is not known" in found["notes"][0]


def test_a_zone_of_unknown_name_is_left_out_and_named(tmp_path: Path) -> None:
    zones = {"intel-rapl:0": ("package-0", 5), "intel-rapl:1": ("\x1b[31mmoon", 5)}
    found = probed(trees.powercap(tmp_path / "powercap", zones))
    assert [channel["domain"] for channel in found["channels"]] == ["package"]
    assert "intel-rapl:1" in found["notes"][0]
    assert "\x1b" not in found["notes"][0]


def test_a_tree_of_unknown_names_alone_is_not_usable(tmp_path: Path) -> None:
    found = probed(trees.powercap(tmp_path / "powercap", {"intel-rapl:0": ("moon", 5)}))
    assert (found["usable"], "'moon'" in found["why"]) == (False, True)


@pytest.mark.parametrize("file", ["energy_uj", "name", "max_energy_range_uj"])
def test_a_pipe_in_the_tree_is_not_waited_for(tmp_path: Path, file: str) -> None:
    root = trees.powercap(tmp_path / "powercap", {"intel-rapl:0": ("package-0", 5), "intel-rapl:1": ("package-1", 9_000_000)})
    (root / "intel-rapl:1" / file).unlink()
    os.mkfifo(root / "intel-rapl:1" / file)
    found = probed(root)
    assert found["usable"]
    assert any("intel-rapl:1" in note for note in found["notes"])
