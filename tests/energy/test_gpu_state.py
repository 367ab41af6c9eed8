"""What a sampler saw of a GPU's clocks, as a run keeps it, and what it means for the run's figures."""

from __future__ import annotations

from edgekit.energy.conduct.gpu_state import gpu_notes, gpu_states
from edgekit.runner.counters.nvml_state import States

PREFIX = "nvml.gpu0"


class Scripted:
    """Answer as a driver does: pairs of (reasons, clock in Hz), one a look."""

    def __init__(self, *looks: tuple[int | None, float | None]) -> None:
        self._looks = list(looks)

    def reasons(self, handle: object) -> int | None:
        return self._looks[0][0]

    def sm_clock_hz(self, handle: object) -> float | None:
        return self._looks.pop(0)[1]


def seen(*looks: tuple[int | None, float | None]) -> dict[str, float]:
    states = States(Scripted(*looks))  # type: ignore[arg-type]
    states.watch(0, None)
    for _ in looks:
        states.look()
    return states.seen()


def test_looks_at_an_idle_gpu_say_nothing_of_its_clock() -> None:
    found = seen((0x1, 2e8), (0x0, 1.9e9), (0x4, 1.7e9), (0x1 | 0x40, 1.5e9), (None, None))
    assert found == {
        f"{PREFIX}.looks": 4,
        f"{PREFIX}.sm_clock_min_hz": 1.5e9,
        f"{PREFIX}.sm_clock_max_hz": 1.9e9,
        f"{PREFIX}.sm_clock_mean_hz": 1.7e9,
        f"{PREFIX}.throttled.hw_thermal": 1,
        f"{PREFIX}.throttled.sw_power_cap": 1,
    }
    (state,) = gpu_states({**found, "cpu_s": 0.1, "wall_s": 1.0})
    assert (state.gpu, state.looks, state.clock_mean_hz, dict(state.throttled)) == (0, 4, 1.7e9, {"hw_thermal": 1, "sw_power_cap": 1})
    assert state.reasons == ("heat, by the hardware", "power limit")


def test_a_gpu_that_was_held_back_marks_the_run_with_how_often_and_why() -> None:
    held, moved = gpu_notes(seen((0x0, 1.9e9), (0x4, 1.5e9), (0x4, 1.5e9), (0x0, 1.9e9)))
    assert held.code == "run.throttled"
    assert "power limit in 50 % of the looks" in held.text
    assert (moved.code, "1500 and 1900 MHz" in moved.text) == ("gpu.clock_moved", True)


def test_a_free_gpu_with_a_steady_clock_and_a_run_without_one_are_not_remarked_on() -> None:
    assert gpu_notes(seen((0x0, 1.90e9), (0x2, 1.92e9))) == []
    assert gpu_notes({"cpu_s": 0.1, "reads": 9.0}) == []
    assert gpu_states({}) == ()
    assert seen((0x1, 2e8)) == {}
