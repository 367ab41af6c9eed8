"""A meter from another package: one class and one entry point, no patch."""

from __future__ import annotations

import pytest

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

    def __init__(self):
        self._stop = threading.Event()
        self._thread = None

    def spec(self):
        place = {"boundary": Boundary.USB_INPUT, "origin": Origin.EMULATED}
        channel = Channel(id="supply", meter="supply", measurand=Measurand.POWER, unit="W", **place)
        return MeterSpec(kind="supply", channels=(channel,), accuracy=Accuracy(source="made up", gain_rel=0.001), nominal_hz=100.0)

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
