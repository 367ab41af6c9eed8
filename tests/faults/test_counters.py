"""Energy counters that go wrong while a benchmark runs, through the front door on an emulated powercap tree."""

from __future__ import annotations

import pytest

from tests.faults.scene import (
    assert_repeatable,
    assert_true,
    benchmark,
    channel,
    holding,
    measured,
    steady,
    unused,
    used,
)

pytestmark = pytest.mark.slow

PSYS, PACKAGE = "intel-rapl:1", "intel-rapl:0"
CORE, UNCORE, DRAM = (f"intel-rapl:0:{place}" for place in range(3))


def _file(zone: str) -> str:
    return f"*/{zone}/energy_uj"


def test_each_counter_goes_wrong_in_its_own_way_and_only_its_own_windows_suffer(tiny, tmp_path):
    with benchmark(steady("laptop"), tiny, tmp_path, "rapl") as bench:
        reset_ns = bench.after(1)
        bench.fault(_file(CORE), "reset", reset_ns)
        torn_ns = bench.after(2)
        bench.fault(_file(UNCORE), "torn", torn_ns, 0.05)
        bench.fault(_file(PSYS), "empty", torn_ns, 0.05)
        bench.fault(_file(PACKAGE), "nan", torn_ns, 0.05)
        lost_ns = bench.after(3)
        bench.fault(_file(DRAM), "ENODEV", lost_ns)
        told = bench.end()
    assert told.returncode == 0, told.stderr
    record = told.record
    print(told.stderr)
    for item in record.analysis.channels: print(item.channel, item.window_j, item.energy_j_per_inference)
    for n in record.notes: print(n)
    assert record.status == "complete"
    assert unused(record, "rapl.package-0.core") == holding(record, reset_ns) != []
    assert unused(record, "rapl.package-0.uncore") == unused(record, "rapl.psys") == unused(record, "rapl.package-0") == []
    assert used(record, "rapl.package-0.dram") == [0, 1, 2]
    for name, rail in (("package-0.core", "core"), ("package-0.uncore", "uncore"), ("package-0.dram", "dram"), ("package-0", "package"), ("psys", "psys")):
        assert_true(told, f"rapl.{name}", rail)
    assert_repeatable(told)
