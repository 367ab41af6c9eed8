"""A meter from another package: one class and one entry point, no patch."""

from __future__ import annotations

import threading
import time

import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.hardware import DeviceSpec
from edgekit.core.quantity import Note, Origin
from edgekit.core.trace import Reading
from edgekit.devices.local import LocalDevice
from edgekit.flows.measure import ProcessMeter
from edgekit.metering import Chosen
from tests.fakes import QuietProgress
from tests.tiny import write_onnx

DRIVER = '''
import threading, time
from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Origin
from edgekit.core.trace import Reading


class Bench:
    """Pretend to be a bench supply that shows 12 W, a hundred times a second."""

    kind = "supply"

    def __init__(self, address="bench:0", options=None):
        self._detail = f"{address} {(options or {}).get('range', 'auto')}"
        self._stop = threading.Event()
        self._thread = None

    def spec(self):
        place = {"boundary": Boundary.USB_INPUT, "origin": Origin.EMULATED}
        channel = Channel(id="supply", meter="supply", measurand=Measurand.POWER, unit="W", **place)
        accuracy = Accuracy(source="made up", gain_rel=0.001)
        return MeterSpec(kind="supply", channels=(channel,), accuracy=accuracy, nominal_hz=100.0, detail=self._detail)

    def start(self, sink):
        def run():
            while not self._stop.wait(0.01):
                sink([Reading(channel="supply", t_ns=time.monotonic_ns(), bracket_ns=0, value=12.0)])
        self._thread = threading.Thread(target=run)
        self._thread.start()

    def stop(self):
        self._stop.set()
        if self._thread:
            self._thread.join()
            self._thread = None
'''


@pytest.fixture
def plugin(tmp_path):
    folder = tmp_path / "plugins"
    (folder / "lab_supply-1.dist-info").mkdir(parents=True)
    (folder / "lab_supply.py").write_text(DRIVER)
    (folder / "lab_supply-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-supply\nVersion: 1\n")
    (folder / "lab_supply-1.dist-info" / "entry_points.txt").write_text("[edgekit.meters]\nsupply = lab_supply:Bench\n")
    return folder


@pytest.mark.slow
def test_its_watts_become_joules_beside_those_of_the_built_in_meters(run_edgekit, plugin, tmp_path):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    tiny = write_onnx(tmp_path / "tiny.onnx")
    plan = ("--windows", "3", "--window", "0.4", "--idle", "0.4", "--warmup", "0.1", "--cooldown", "0.05")
    done = run_edgekit("--json", "bench", tiny, "--meter", "supply", "--meter", "cputime", *plan, env={"PYTHONPATH": str(plugin)})
    assert done.returncode == 0, done.stderr
    analysis = done.json()["data"]["runs"][0]["analysis"]
    energy, seconds = analysis["energy_j_per_inference"], analysis["time_s_per_inference"]["value"]
    assert energy["boundary"] == "usb_input", "the wider boundary stands for the run"
    assert energy["value"] == pytest.approx(12.0 * seconds, rel=0.01)
    assert energy["origins"] == ["emulated"]
    assert {item["boundary"] for item in analysis["channels"]} == {"usb_input", "cpu_package"}


PLAN = ("--windows", "1", "--window", "0.1", "--idle", "0.1", "--warmup", "0", "--cooldown", "0")


def _bench(run_edgekit, plugin, *args):
    return run_edgekit("--json", "bench", *args, *PLAN, env={"PYTHONPATH": str(plugin)})


@pytest.mark.slow
def test_a_configured_meter_gets_its_address_and_options(run_edgekit, plugin, tmp_path, model_file):
    (tmp_path / "edgekit.toml").write_text('[meters.desk]\nkind = "supply"\naddress = "usb:7"\noptions = { range = "3A" }\n')
    for name, detail in (("desk", "usb:7 3A"), ("supply:usb:9", "usb:9 auto"), ("supply", "bench:0 auto")):
        done = _bench(run_edgekit, plugin, model_file, "--device", "sim", "--meter", name)
        assert done.returncode == 0, done.stderr
        assert done.json()["data"]["runs"][0]["meters"][0]["detail"] == detail


def test_a_meter_that_takes_no_options_says_so(run_edgekit, plugin, tmp_path, model_file):
    driver = plugin / "lab_supply.py"
    driver.write_text(
        driver.read_text().replace('self, address="bench:0", options=None', 'self, address="bench:0"').replace("options or", "")
    )
    (tmp_path / "edgekit.toml").write_text('[meters.desk]\nkind = "supply"\noptions = { range = "3A" }\n')
    done = _bench(run_edgekit, plugin, model_file, "--device", "sim", "--meter", "desk")
    assert (done.returncode, done.json()["data"]["code"]) == (2, "meter.options")


class Supply:
    """Two instruments on the host: one sees the whole board, the other a part."""

    def __init__(self, name, boundary, watts):
        self.name, self.boundary, self.watts = name, boundary, watts
        self.started = self.stopped = False

    def spec(self):
        channel = Channel(
            id=self.name, meter=self.name, measurand=Measurand.POWER, unit="W", boundary=self.boundary, origin=Origin.EMULATED
        )
        return MeterSpec(kind=self.name, channels=(channel,), accuracy=Accuracy(source="made up", gain_rel=0.001), nominal_hz=100.0)

    def start(self, sink):
        self.started, self._stop = True, threading.Event()

        def run():
            while not self._stop.wait(0.005):
                sink([Reading(channel=self.name, t_ns=time.monotonic_ns(), bracket_ns=0, value=self.watts)])

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def stop(self):
        self.stopped = True
        self._stop.set()
        self._thread.join()


def test_every_meter_is_read_around_a_process_and_the_widest_stands_for_it():
    part, whole = Supply("part", Boundary.DRAM, 1.0), Supply("whole", Boundary.USB_INPUT, 7.0)
    specs = (part.spec(), whole.spec())
    chosen = Chosen(counters=(), hosts=(part, whole), specs=specs, note=Note(code="meter.chosen", text="two"))
    meter = ProcessMeter(LocalDevice(DeviceSpec(name="local", kind="local")), progress=QuietProgress(), choose=lambda *_, **__: chosen)
    with meter.around(1):
        time.sleep(0.2)
    assert (part.started, part.stopped, whole.started, whole.stopped) == (True, True, True, True)
    assert meter.result.meter.kind == "whole"
    assert meter.result.energy_j.boundary == "usb_input"
    assert meter.result.energy_j.value == pytest.approx(7.0 * meter.result.duration_s, rel=0.05)
