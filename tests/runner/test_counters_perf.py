"""RAPL through perf_event, with an opener that stands for the kernel: logic only, never run on RAPL."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from edgekit.runner.counters import perf, rapl, rapl_refused
from tests.runner import trees


class Kernel:
    """Open events as pipes; `joules` says how much each event counts before the next reading."""

    def __init__(self, joules: dict[tuple[int, int], list[float]] | None = None, refuse: int = 0) -> None:
        self.asked: list[tuple[int, int, int]] = []
        self.joules = joules or {}
        self.refuse = refuse

    def __call__(self, kind: int, config: int, cpu: int) -> int:
        self.asked.append((kind, config, cpu))
        if self.refuse:
            raise OSError(self.refuse, os.strerror(self.refuse))
        reader, writer = os.pipe()
        for total in self.joules.get((config, cpu), [1.0]):
            os.write(writer, struct.pack("=Q", round(total * 2**32)))
        os.close(writer)
        return reader


def roots(tmp_path: Path, **options: Any) -> dict[str, str]:
    trees.topology(tmp_path / "sys", options.pop("topology", {0: (0, 0), 18: (1, 0)}))
    trees.write(tmp_path / "proc", {"sys/kernel/perf_event_paranoid": 2, "self/status": "CapEff:\t0000000000000000"})
    return {
        "perf": str(trees.perf(tmp_path / "power", **options)),
        "sys": str(tmp_path / "sys"),
        "proc": str(tmp_path / "proc"),
        "powercap": str(tmp_path / "powercap"),
    }


def ids(found: dict[str, Any]) -> list[str]:
    return sorted(channel["id"] for channel in found["channels"])


def test_one_event_is_opened_for_each_package_and_psys_once(tmp_path: Path) -> None:
    where, kernel = roots(tmp_path, cpumask="0,18"), Kernel()
    found = rapl.probe(where, opener=kernel)
    assert found["usable"]
    counter = rapl.start(where, [], found, opener=kernel)
    assert sorted(kernel.asked[1:]) == sorted([(23, config, cpu) for config in (1, 2, 3, 4) for cpu in (0, 18)] + [(23, 5, 0)])
    counter.close()
    parts = ("", ".core", ".dram", ".uncore")
    assert ids(found) == sorted([f"rapl.package-{n}{part}" for n in (0, 1) for part in parts] + ["rapl.psys"])


def test_counts_are_units_of_2_to_the_minus_32_joules_and_never_wrap(tmp_path: Path) -> None:
    where = roots(tmp_path, events={"energy-pkg": 2})
    found = rapl.probe(where, opener=Kernel())
    ((identity, read),) = rapl.start(where, [], found, opener=Kernel({(2, 0): [1.5, 300_000.25]})).readers
    (row,) = found["channels"]
    assert (identity, row["wrap"]) == ("rapl.package-0", None)
    assert [read() * row["scale"] for _ in range(2)] == [1.5, 300_000.25]
    with pytest.raises(ValueError, match="torn read of 0 bytes"):
        read()


def test_channels_nest_as_the_zones_do_and_take_the_unit_from_powercap(tmp_path: Path) -> None:
    where = roots(tmp_path)
    trees.powercap(tmp_path / "powercap", trees.LAPTOP)
    rows = {row["id"]: row for row in rapl.probe(where, opener=Kernel())["channels"]}
    assert rows["rapl.package-0.core"]["parent"] == "rapl.package-0"
    assert rows["rapl.package-0.dram"]["parent"] == "rapl.psys"
    assert rows["rapl.package-0"]["quantum"] == pytest.approx(61e-6 * 2**32)


def test_only_domains_that_both_ways_know_are_read(tmp_path: Path) -> None:
    where = roots(tmp_path, events={"energy-pkg": 2, "energy-gpu": 4})
    trees.powercap(tmp_path / "powercap", {"intel-rapl:0": ("package-0", 1), "intel-rapl:0:0": ("core", 1)})
    found = rapl.probe(where, opener=Kernel())
    assert ids(found) == ["rapl.package-0"]
    assert [note for note in found["notes"] if note.startswith("perf_event offers uncore, which powercap does not know")]
    assert [note for note in found["notes"] if note.startswith("powercap knows core, which perf_event does not offer")]


def test_without_a_tree_to_compare_with_all_events_are_used_and_that_is_said(tmp_path: Path) -> None:
    found = rapl.probe(roots(tmp_path), opener=Kernel())
    assert len(found["channels"]) == 5
    assert [note for note in found["notes"] if "no zones to compare with" in note]


def test_an_event_in_another_unit_is_left_out(tmp_path: Path) -> None:
    found = perf.probe(roots(tmp_path, unit="Watts"), opener=Kernel())
    assert not found["usable"]
    assert "energy-pkg is left out" in found["why"]


@pytest.mark.parametrize(("second", "kept"), [(2.001, 1), (2.2, 2)])
def test_dies_of_one_package_that_count_alike_are_one(tmp_path: Path, second: float, kept: int) -> None:
    where = roots(tmp_path, cpumask="0,18", events={"energy-pkg": 2}, topology={0: (0, 0), 18: (0, 1)})
    kernel = Kernel({(2, 0): [1.0, 3.0], (2, 18): [1.0, 1.0 + second]})
    found = rapl.probe(where, opener=kernel, pause=lambda _: None)
    assert ids(found) == ["rapl.package-0-die-0", "rapl.package-0-die-1"][:kept]
    assert len([note for note in found["notes"] if "once more" in note]) == 2 - kept


def test_mirrors_that_powercap_shows_are_left_out_here_too(tmp_path: Path) -> None:
    where = roots(tmp_path, cpumask="0,18", events={"energy-pkg": 2}, topology={0: (0, 0), 18: (0, 1)})
    zones = {f"intel-rapl:{n}": (f"package-0-die-{n}", 5_000_000_000) for n in (0, 1)}
    root = trees.powercap(tmp_path / "powercap", zones)
    found = rapl.probe(where, opener=Kernel(), pause=lambda _: trees.advance(root, dict.fromkeys(zones, 2_000_000)))
    assert ids(found) == ["rapl.package-0-die-0"]


def test_refused_and_no_tree_names_the_value_the_capability_and_remedies(tmp_path: Path) -> None:
    found = rapl.probe(roots(tmp_path), opener=Kernel(refuse=errno.EACCES))
    assert not found["usable"]
    assert "kernel.perf_event_paranoid is 2 (above 0) and this process has neither CAP_PERFMON nor CAP_SYS_ADMIN" in found["why"]
    commands = " ".join(command for _, command in found["do"])
    assert "sysctl kernel.perf_event_paranoid=0" in commands
    assert "setcap cap_perfmon=ep" in commands


def test_refused_with_a_tree_falls_back_to_it_and_says_why(tmp_path: Path) -> None:
    where = roots(tmp_path)
    trees.powercap(tmp_path / "powercap", trees.LAPTOP)
    found = rapl.probe(where, opener=Kernel(refuse=errno.EACCES))
    assert found["channels"][0]["raw_unit"] == "uJ"
    assert [note for note in found["notes"] if note.startswith("perf_event is not used: perf_event_open failed: Permission denied")]


@pytest.mark.parametrize(
    ("paranoid", "held", "why"),
    [(4, 1 << 38, "has CAP_PERFMON"), (4, 1 << 21, "has CAP_SYS_ADMIN"), (-1, 0, "perf_event_paranoid is -1, yet the call was refused")],
)
def test_refused_in_spite_of_every_right_points_to_a_filter(tmp_path: Path, paranoid: int, held: int, why: str) -> None:
    trees.write(tmp_path, {"sys/kernel/perf_event_paranoid": paranoid, "self/status": f"CapEff:\t{held:016x}"})
    text, do = rapl_refused.perf_forbidden(OSError(errno.EPERM, "Operation not permitted"), {"proc": str(tmp_path)})
    assert why in text
    assert "seccomp filter" in text
    assert "--cap-add PERFMON" in do[0][1]


def test_an_imitated_tree_is_never_mixed_with_the_machines_own_pmu(tmp_path: Path) -> None:
    kernel = Kernel()
    root = trees.powercap(tmp_path / "powercap", trees.LAPTOP)
    assert rapl.probe({"powercap": str(root)}, opener=kernel)["channels"][0]["raw_unit"] == "uJ"
    assert kernel.asked == []


@pytest.mark.parametrize(("text", "cpus"), [("0", [0]), ("0,18", [0, 18]), ("0-2,8", [0, 1, 2, 8])])
def test_a_mask_of_processors_is_a_list_of_ranges(text: str, cpus: list[int]) -> None:
    assert perf.cpu_list(text) == cpus


def test_the_system_call_itself_refuses_what_does_not_exist() -> None:
    """The one call of this file that reaches a kernel: a PMU type that no kernel has, so nothing is opened."""
    with pytest.raises(OSError, match=r".+"):
        os.close(perf.open_event(0x7FFFFFF0, 0, 0))


def test_the_system_call_opens_a_clock_of_the_kernel() -> None:
    """PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK on one processor: no sensor, but the same call and the same eight bytes."""
    cpu = min(os.sched_getaffinity(0))
    try:
        events = perf.Events([{"id": "clock", "pmu": 1, "config": 0, "cpu": cpu}], perf.open_event)
    except OSError as error:
        pytest.skip(f"perf_event_open is refused here: {error}")
    ((_, read),) = events.readers
    first = read()
    assert 0 < first < read()
    events.close()
