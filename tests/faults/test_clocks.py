"""A machine that sleeps, and a wall clock that is set, in the middle of a benchmark: the C library tells both when a file appears."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clocks import moved_clocks
from tests.faults.scene import assert_true, benchmark, holding, measured, sound, steady, used, wait_for

pytestmark = pytest.mark.slow

SHIFT = """
static long since(const char *variable, long seconds) {
    const char *path = getenv(variable);
    return path && !access(path, F_OK) ? seconds : 0;
}
static long shift_s(clockid_t id) {
    if (id == CLOCK_BOOTTIME) return since("TEST_ASLEEP", 7);
    if (id == CLOCK_REALTIME) return since("TEST_SET_BACK", -86400);
    return 0;
}
"""


@pytest.fixture
def clocks(tmp_path: Path) -> Path:
    """Return a library whose clocks can be moved."""
    return moved_clocks(tmp_path, SHIFT)


def test_a_window_in_which_the_machine_slept_is_left_out_and_a_clock_that_is_set_back_changes_nothing(tiny, tmp_path, clocks):
    asleep, set_back = tmp_path / "asleep", tmp_path / "set-back"
    env = {"LD_PRELOAD": str(clocks), "TEST_ASLEEP": str(asleep), "TEST_SET_BACK": str(set_back)}
    with benchmark(steady("laptop"), tiny, tmp_path, "rapl", env=env) as bench:
        wait_for(bench.after(1))
        set_back.touch()
        slept_ns = bench.after(2)
        wait_for(slept_ns)
        asleep.touch()
        told = bench.end()
    assert told.returncode == 0, told.stderr
    record = told.record
    assert record.status == "complete"
    touched = [window for window in measured(record) if "slept" in (window.invalid or "")]
    assert [window.index for window in touched] == holding(record, slept_ns) == [2]
    assert touched[0].invalid == "the machine slept for 7.0 s"
    assert "sampler.suspended" in told.codes
    said = [note["text"] for note in told.document["notes"]]
    assert "measure window 2 is left out: the machine slept for 7.0 s" in said
    assert "the machine slept for 7.0 s while it was measured" in said
    for name, rail in (("rapl.package-0", "package"), ("rapl.psys", "psys")):
        assert used(record, name) == sound(record, 0, 1, 3, 4)
        assert_true(told, name, rail)
    assert all(0.4 <= window.duration_s < 1 for window in measured(record))
