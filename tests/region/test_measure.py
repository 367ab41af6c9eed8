"""`edgekit.measure` as a program uses it: names, decorators, meters that may not be read, files that stay open, and what it imports."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from edgekit.api import measure
from edgekit.core.boundary import Boundary
from edgekit.core.errors import UsageError
from edgekit.core.quantity import Estimate, Origin
from tests.conftest import clean_environment
from tests.runner import trees

UJ = 200_000


class Tree:
    """Hold a powercap tree whose counters move when told, in place, so that open files see it."""

    def __init__(self, folder: Path) -> None:
        self.root = trees.powercap(folder, trees.LAPTOP)
        self.roots = {"powercap": str(self.root)}

    def add(self, microjoules: int) -> None:
        for path in self.root.glob("intel-rapl:*/energy_uj"):
            with path.open("r+") as file:
                value = int(file.read()) + microjoules
                os.pwrite(file.fileno(), f"{value:<16}\n".encode(), 0)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "powercap")


def pause() -> None:
    threading.Event().wait(0.02)  # a region needs a length for its counter's tick to be short against it


def test_a_block_is_measured_at_every_boundary_and_marked_emulated(tree: Tree) -> None:
    with measure("decode", meter="rapl", roots=tree.roots) as m:
        pause()
        tree.add(UJ)
    assert isinstance(m.energy_j, Estimate)
    assert m.energy_j.low <= 0.2 <= m.energy_j.high
    assert m.energy_j.boundary == "cpu_package"
    assert {"cpu_package", "cpu_core", "dram", "platform"} <= set(m.channels)
    assert str(m).startswith("decode: ")
    assert " at cpu_package (emulated; gain unknown), " in str(m)
    assert "gain: unknown" in m.explain()


@pytest.fixture
def calls(tree: Tree) -> SimpleNamespace:
    region = measure("f", meter="rapl", roots=tree.roots)

    @region
    def plain(x: int) -> int:
        """Return twice x."""
        pause()
        tree.add(UJ)
        return 2 * x

    @region
    async def coroutine(x: int) -> int:
        await asyncio.sleep(0.02)
        tree.add(UJ)
        return 2 * x

    @region
    def generator(x: int) -> Iterator[int]:
        pause()
        tree.add(UJ)
        yield 2 * x

    return SimpleNamespace(plain=plain, coroutine=coroutine, generator=generator)


def test_every_call_of_a_decorated_function_is_a_region(calls: SimpleNamespace) -> None:
    assert calls.plain(21) == 42
    assert calls.plain(1) == 2
    assert asyncio.run(calls.coroutine(21)) == 42
    assert list(calls.generator(21)) == [42]
    assert len(calls.plain.regions) == 2
    for function in (calls.plain, calls.coroutine, calls.generator):
        for region in function.regions:
            assert region.energy_j.low <= 0.2 <= region.energy_j.high
    assert (calls.plain.__name__, calls.plain.__doc__) == ("plain", "Return twice x.")


def test_regions_in_threads_do_not_disturb_one_another(tree: Tree) -> None:
    found = []

    def one() -> None:
        with measure("thread", meter="rapl", roots=tree.roots) as m:
            pause()
        found.append(m)

    with measure("all", meter="rapl", roots=tree.roots) as everything:
        workers = [threading.Thread(target=one) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        tree.add(UJ)
    assert len(found) == 4
    assert everything.energy_j.low <= 0.2 <= everything.energy_j.high


def test_descriptors_stay_open_between_regions_and_do_not_add_up(tree: Tree) -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    def region() -> None:
        with measure("again", meter="rapl", roots=tree.roots):
            pause()

    region()
    before = open_files()
    for _ in range(5):
        region()
    assert open_files() == before


def test_a_lost_meter_is_opened_again_and_its_files_are_closed(tree: Tree) -> None:
    with measure("first", meter="rapl", roots=tree.roots) as m:
        rig = m._span.rig
        pause()
        rig.gauges[0]._read = lambda: 1 / 0
    assert m.energy_j.value is None
    before = len(list(Path("/proc/self/fd").iterdir()))
    del rig, m
    with measure("second", meter="rapl", roots=tree.roots) as m:
        pause()
        tree.add(UJ)
    assert m.energy_j.value is not None
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_names_that_nobody_knows_are_refused_at_once() -> None:
    with pytest.raises(UsageError, match="no meter is called 'rapel'"):
        measure("x", meter="rapel")
    with pytest.raises(UsageError, match="no framework 'torhc'"):
        measure("x", sync="torhc")
    with pytest.raises(UsageError, match="align"):
        measure("x", align="ticks")
    with pytest.raises(UsageError, match="no meter"):
        measure("x", meter=())


def test_a_folder_that_cannot_be_replaced_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="powrcap") as raised:
        measure(meter="rapl", roots={"powrcap": "/nowhere"})
    assert "powercap" in str(raised.value.why)


def test_names_drive_no_terminal() -> None:
    region = measure("a\x1b[2Jb\nc", meter="cputime")
    with region:
        pass
    assert "\x1b" not in region.explain()
    assert str(region).startswith("a\\x1b[2Jb\\nc: ")


def test_a_meter_that_is_not_there_makes_the_energy_unknown_and_lets_the_program_run(tmp_path: Path) -> None:
    done = []
    with measure("x", meter="rapl", roots={"powercap": str(tmp_path / "nothing")}) as m:
        done.append(1)
    assert done
    assert m.energy_j.value is None
    assert "cannot be listed" in str(m)
    assert m.net_j.value is None
    assert m.energy_j_per_unit.value is None


def test_auto_falls_back_to_an_estimate_that_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # a GPU or a vcgencmd of this machine is none of this test's business
    monkeypatch.setenv("PATH", str(tmp_path))
    with measure("x", roots={"powercap": str(tmp_path / "a"), "sys": str(tmp_path / "b")}) as m:
        sum(range(300_000))
    assert isinstance(m.energy_j, Estimate)
    assert m.energy_j.quality == "caveats"
    assert any("rapl" in note.text for note in m.notes)
    assert "at cpu_package" in str(m)


def test_a_restless_counter_is_not_idle_power_but_a_measured_rest_is(tree: Tree) -> None:
    watts = measure.idle(0.04, meter="rapl", roots=tree.roots)
    assert watts["cpu_package"].value is None  # the counter stood still: nothing is invented


def test_torch_is_waited_for_on_every_gpu_that_the_program_uses() -> None:
    from edgekit.region.sync import resolve

    waited: list[int] = []
    cuda = SimpleNamespace(is_available=lambda: True, is_initialized=lambda: True, device_count=lambda: 3, synchronize=waited.append)
    torch = ModuleType("torch")
    vars(torch).update(cuda=cuda, _C=SimpleNamespace(_cuda_hasPrimaryContext=lambda index: index != 1))
    wait = resolve("torch")
    assert wait is not None
    real = sys.modules.pop("torch", None)  # another test of this process may have imported it
    wait()  # nothing was imported, so nothing runs
    sys.modules["torch"] = torch
    try:
        wait()
    finally:
        del sys.modules["torch"]
        if real is not None:
            sys.modules["torch"] = real
    assert waited == [0, 2]


def test_nothing_heavy_is_imported_before_the_closing_edge(tree: Tree, tmp_path: Path) -> None:
    program = f"""
import sys
import edgekit
loaded = lambda: [name for name in ("numpy", "pydantic", "pint", "uncertainties", "pyarrow", "multiprocessing") if name in sys.modules]
print("at import", loaded())
edgekit.measure
print("at measure", loaded())
with edgekit.measure("x", meter="rapl", roots={tree.roots!r}) as m:
    for _ in range(100_000): pass
    m.running()
print("after the region", loaded())
m.energy_j
print(m.name)
"""
    home = {"EDGEKIT_DATA": str(tmp_path)}  # a self-test of the developer's own would be looked up
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=clean_environment(home), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["at import []", "at measure []", "after the region []", "x"]


def test_a_child_process_measures_too(tree: Tree, tmp_path: Path) -> None:
    program = f"""
import os, time
import edgekit
def region():
    with edgekit.measure("x", meter="rapl", roots={tree.roots!r}) as m:
        time.sleep(0.02)
        for path in {[str(path) for path in tree.root.glob("intel-rapl:*/energy_uj")]!r}:
            with open(path, "r+") as file:
                value = int(file.read()) + {UJ}
                os.pwrite(file.fileno(), f"{{value:<16}}\\n".encode(), 0)
    return m.energy_j.value
assert region()
child = os.fork()
if child == 0:
    os._exit(0 if region() else 1)
raise SystemExit(os.waitpid(child, 0)[1])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("units", [-5, float("nan"), float("inf"), "x", None, 10**400])
def test_a_count_that_cannot_be_meant_is_refused_and_costs_nothing(tree: Tree, units: object) -> None:
    with measure("decode", meter="rapl", roots=tree.roots) as m:
        pause()
        tree.add(UJ)
        with pytest.raises(UsageError, match="cannot be meant"):
            m.count(units)  # type: ignore[arg-type]
    assert isinstance(m.energy_j, Estimate)
    assert m.units == 0


@pytest.mark.parametrize("idle_w", [-5, float("nan"), float("inf"), "x", {"cpu_package": -1.0}, {"moon": 3.0}])
def test_idle_power_that_cannot_be_meant_is_refused_at_once(tree: Tree, idle_w: object) -> None:
    with pytest.raises(UsageError):
        measure("decode", meter="rapl", roots=tree.roots, idle_w=idle_w)  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "x"])
def test_times_that_cannot_be_meant_are_refused(tree: Tree, seconds: object) -> None:
    with pytest.raises(UsageError, match="cannot be meant"):
        measure.idle(seconds, meter="rapl", roots=tree.roots)  # type: ignore[arg-type]
    with measure("decode", meter="rapl", roots=tree.roots) as m, pytest.raises(UsageError, match="cannot be meant"):
        m.repeat(seconds)  # type: ignore[arg-type]


def test_an_exception_without_words_goes_on_as_it_is(tree: Tree) -> None:
    class SpeechlessError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    m = measure("decode", meter="rapl", roots=tree.roots)

    def fail() -> None:
        with m:
            pause()
            tree.add(UJ)
            raise SpeechlessError

    with pytest.raises(SpeechlessError):
        fail()
    assert m.raised == "SpeechlessError"
    assert isinstance(m.energy_j, Estimate)


def test_static_and_class_methods_are_measured_as_such(tree: Tree) -> None:
    region = measure("f", meter="rapl", roots=tree.roots)

    class Model:
        @region
        @staticmethod
        def static(x: int) -> int:
            return x

        @region
        @classmethod
        def named(cls) -> str:
            return cls.__name__

    assert (Model.static(3), Model().static(4), Model.named()) == (3, 4, "Model")
    assert len(Model.static.regions) == 2  # type: ignore[attr-defined]


def test_an_asynchronous_generator_hears_what_is_sent_thrown_and_when_it_is_closed(tree: Tree) -> None:
    closed = []

    @measure("f", meter="rapl", roots=tree.roots)
    async def echo() -> AsyncGenerator[object, object]:
        said: object = "first"
        try:
            while True:
                try:
                    said = yield said
                except KeyError as error:
                    said = error.args[0]
        finally:
            closed.append(True)

    async def talk() -> list[object]:
        talked = echo()
        heard = [await anext(talked), await talked.asend(5), await talked.athrow(KeyError("thrown"))]
        await talked.aclose()
        return heard

    assert asyncio.run(talk()) == ["first", 5, "thrown"]
    assert closed == [True]
    assert len(echo.regions) == 1  # type: ignore[attr-defined]


def test_idle_power_is_given_with_an_interval_or_its_error_is_named_unknown(tree: Tree) -> None:
    def net(idle_w: object) -> Estimate:
        with measure("decode", meter="rapl", roots=tree.roots, idle_w=idle_w) as m:  # type: ignore[arg-type]
            pause()
            tree.add(UJ)
        assert isinstance(m.net_j, Estimate)
        return m.net_j

    bare, stated = net(2.0), net((2.0, 0.4))
    assert "idle power as given" in bare.unknown_terms
    assert "idle power as given unknown" in str(bare)
    assert "idle power as given" not in stated.unknown_terms
    (term,) = [term for term in stated.budget if term.name == "idle power as given"]
    assert 0.018 * 0.4 / 1.96 <= (term.u or 0.0) <= 1.0 * 0.4 / 1.96, "half-width times the time of the region"
    found = Estimate(value=2.0, low=1.9, high=2.1, unit="W", boundary=Boundary.CPU_PACKAGE, origins=(Origin.MEASURED,))
    assert net(found).value == pytest.approx(stated.value, rel=0.5)
    assert net({"cpu_package": found}).value == pytest.approx(stated.value, rel=0.5)


@pytest.mark.parametrize("idle_w", [(2.0, -0.1), (2.0, 0.1, 3.0), (float("nan"), 0.1)])
def test_idle_power_with_an_interval_that_cannot_be_meant_is_refused(tree: Tree, idle_w: object) -> None:
    with pytest.raises(UsageError):
        measure("decode", meter="rapl", roots=tree.roots, idle_w=idle_w)  # type: ignore[arg-type]


def test_advice_on_the_edges_is_not_to_do_what_was_done(tree: Tree) -> None:
    with measure("once", meter="rapl", roots=tree.roots) as m:
        pause()
        tree.add(UJ)
    assert "use m.repeat()" in m.explain()
    ticking = threading.Event()

    def tick() -> None:
        while not ticking.wait(0.001):
            tree.add(UJ // 100)

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        with measure("repeated", meter="rapl", roots=tree.roots) as m:
            for _ in m.repeat(at_least_s=0.1):
                pause()
    finally:
        ticking.set()
        thread.join()
    assert "edge bracket" in m.explain()
    assert "m.repeat()" not in m.explain()
