"""Check the instruments against the mistakes that emulations of such counters make."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, clean_environment
from tests.instruments import plants
from tests.instruments.emulated import launch, run_on, run_python

STEADY = {
    "rails": {"package": {"loads": [{"kind": "constant", "power_w": 100.0}]}},
    "powercap": {"zones": [{"name": "package-0", "rail": "package"}]},
}
ENERGY = "/sys/class/powercap/intel-rapl:0/energy_uj"

LOOK = """
import json, os
def text(path): return open(path).read()
root = "/sys/class/powercap"
zones = sorted(z for z in os.listdir(root) if ":" in z)
print(json.dumps({
    "all": sorted(os.listdir(root)),
    "links": all(os.path.islink(f"{root}/{z}") for z in os.listdir(root)),
    "names": {z: text(f"{root}/{z}/name") for z in zones},
    "energy": {z: text(f"{root}/{z}/energy_uj") for z in zones},
    "ranges": {z: int(text(f"{root}/{z}/max_energy_range_uj")) for z in zones},
    "modes": sorted({oct(os.stat(f"{root}/{z}/energy_uj").st_mode & 0o777) for z in zones}),
    "subsystems": sorted({os.path.realpath(f"{root}/{z}/subsystem") for z in zones + ["intel-rapl"]}),
    "nested": {z: os.path.realpath(f"{root}/{z}") for z in zones},
    "parents": {z: os.path.basename(os.path.realpath(f"{root}/{z}/device")) for z in zones},
    "walk": sum(1 for _ in os.walk("/sys/devices/virtual/powercap", followlinks=False)),
    "marker": os.path.exists(f"{root}/intel-rapl/edgekit_emulated"),
    "environment": os.environ.get("EDGEKIT_EMULATED"),
}))
"""


def test_the_laptops_tree_is_laid_out_as_the_kernel_does(tmp_path):
    seen = run_python(plants.named("laptop"), LOOK, tmp_path).json()
    assert seen["links"]
    assert seen["names"] == {
        "intel-rapl:0": "package-0\n",
        "intel-rapl:0:0": "core\n",
        "intel-rapl:0:1": "uncore\n",
        "intel-rapl:0:2": "dram\n",
        "intel-rapl:1": "psys\n",
        "intel-rapl-mmio:0": "package-0\n",
    }
    assert {"intel-rapl", "intel-rapl-mmio"} <= set(seen["all"])
    assert all(text.endswith("\n") and text.strip().isdigit() for text in seen["energy"].values())
    assert set(seen["ranges"].values()) == {262_143_328_850}
    assert seen["modes"] == ["0o400"]
    assert seen["subsystems"] == ["/sys/class/powercap"]
    assert seen["nested"]["intel-rapl:0:2"] == "/sys/devices/virtual/powercap/intel-rapl/intel-rapl:0/intel-rapl:0:2"
    assert seen["parents"] == {
        "intel-rapl:0": "intel-rapl",
        "intel-rapl:0:0": "intel-rapl:0",
        "intel-rapl:0:1": "intel-rapl:0",
        "intel-rapl:0:2": "intel-rapl:0",
        "intel-rapl:1": "intel-rapl",
        "intel-rapl-mmio:0": "intel-rapl-mmio",
    }
    assert seen["walk"] == 15  # a folder for each control type and zone, "power" in each zone: and no loops
    assert seen["marker"]
    assert seen["environment"] == "plant laptop"
    assert abs(int(seen["energy"]["intel-rapl:0"]) - int(seen["energy"]["intel-rapl-mmio:0"])) < 20e6, "the twin is the same register"


def test_sockets_start_apart_and_amds_dies_mirror_one_another(tmp_path):
    server = run_python(plants.named("server"), LOOK, tmp_path / "server").json()
    assert abs(int(server["energy"]["intel-rapl:0"]) - int(server["energy"]["intel-rapl:1"])) > 1e9
    assert server["names"]["intel-rapl:1:0"] == "dram\n"
    amd = run_python(plants.named("amd"), LOOK, tmp_path / "amd").json()
    assert amd["names"]["intel-rapl:0"] == "package-0-die-0\n"
    assert amd["names"]["intel-rapl:1"] == "package-0-die-1\n"
    assert set(amd["ranges"].values()) == {65_532_610_987}
    assert abs(int(amd["energy"]["intel-rapl:0"]) - int(amd["energy"]["intel-rapl:1"])) < 20e6


READ_ON = f"""
import json, os, time
fd = os.open({ENERGY!r}, os.O_RDONLY)
rows, end = [], time.monotonic_ns() + 500_000_000
while time.monotonic_ns() < end:
    before = time.monotonic_ns()
    text = os.pread(fd, 32, 0)
    rows.append((before, time.monotonic_ns(), text.decode()))
rest, end = os.pread(fd, 32, 2).decode(), os.pread(fd, 32, 14).decode()
print(json.dumps({{"rows": rows, "rest": rest, "end": end, "whole": open({ENERGY!r}).read()}}))
"""


def test_a_kept_open_descriptor_advances_and_never_reads_nothing(tmp_path):
    done = run_python(STEADY, READ_ON, tmp_path)
    seen = done.json()
    texts = [text for _, _, text in seen["rows"]]
    assert len(texts) > 500
    assert all(text.endswith("\n") for text in texts), "empty or torn"
    values = [int(text) for text in texts]
    assert values == sorted(values)
    first, last = seen["rows"][0], seen["rows"][-1]
    truth = done.plant.energy_j("package", first[0], last[1])
    assert (values[-1] - values[0]) / 1e6 == pytest.approx(truth, abs=100 * 0.004)
    assert len(seen["whole"]) == len(texts[0])
    assert seen["rest"].strip().isdigit()
    assert len(seen["rest"]) < len(texts[0]), "later positions show the rest of the same content"
    assert seen["end"] == ""


def test_the_counter_ticks_about_once_a_millisecond_with_jitter(tmp_path):
    rows = run_python(STEADY, READ_ON, tmp_path).json()["rows"]
    distinct = len({text for _, _, text in rows})
    assert 200 < distinct <= 501 + 1
    steps = {int(b[2]) - int(a[2]) for a, b in pairwise(rows)} - {0}
    assert len(steps) > 20, "jitter makes the steps differ"


def test_the_register_wraps_in_the_kernels_arithmetic(tmp_path):
    zone = {"name": "package-0", "rail": "package", "wrap_in_j": 30}
    done = run_python({**STEADY, "powercap": {"zones": [zone]}}, READ_ON, tmp_path)
    rows = done.json()["rows"]
    values = [int(text) for _, _, text in rows]
    fall = next(index for index, (a, b) in enumerate(pairwise(values)) if b < a)
    assert values[fall] <= 262_143_328_850
    raws = {-(-value * 1000 // 61035) for value in values}
    assert {raw * 61035 // 1000 for raw in raws} == set(values), "every value is a whole register times the kernel's unit"
    energy = (values[-1] - values[0] + 262_143_328_850 + 61) / 1e6
    assert energy == pytest.approx(done.plant.energy_j("package", rows[0][0], rows[-1][1]), abs=100 * 0.004)


def test_an_ordinary_user_is_refused_by_the_files_mode(tmp_path):
    script = f"""
import os
print(oct(os.stat({ENERGY!r}).st_mode & 0o777), os.access({ENERGY!r}, os.R_OK))
print(open("/sys/class/powercap/intel-rapl:0/name").read())
try: open({ENERGY!r})
except PermissionError as error: print(error.errno)
"""
    done = run_python(STEADY, script, tmp_path, "--as-ordinary-user")
    assert done.stdout.split() == ["0o400", "False", "package-0", "13"]


def test_faults_come_when_told_and_go(tmp_path):
    faults = [
        {"path": "*/energy_uj", "kind": "EIO", "from_s": 0.0, "to_s": 0.3},
        {"path": "*/energy_uj", "kind": "empty", "from_s": 0.3, "to_s": 0.6},
    ]
    script = f"""
import json, os, pathlib, time
plant = pathlib.Path(os.environ["EDGEKIT_PLANT"])
fd = os.open({ENERGY!r}, os.O_RDONLY)
seen, end = [], time.monotonic() + 1.5
def note(what):
    if not seen or seen[-1] != what: seen.append(what)
while time.monotonic() < end:
    try: note("value" if os.pread(fd, 32, 0) else "empty")
    except OSError as error: note(error.errno)
    if seen[-1] == "value": break
(plant / "faults.json").write_text(json.dumps([{{"path": "*/energy_uj", "kind": "forbidden"}}]))
try: open({ENERGY!r})
except PermissionError: note("forbidden")
note("value" if os.pread(fd, 32, 0) else "empty")
(plant / "faults.json").write_text(json.dumps([{{"path": "*/energy_uj", "kind": "reset", "from_s": 0.1}}]))
note(int(os.pread(fd, 32, 0)) < 10_000_000_000)
print(json.dumps(seen))
"""
    seen = run_python({**STEADY, "faults": faults}, script, tmp_path).json()
    assert seen in ([5, "empty", "value", "forbidden", "value", True], ["empty", "value", "forbidden", "value", True])


def test_load_changes_the_power_and_the_truth_is_the_integral_of_the_same_history(tmp_path):
    script = f"""
import json, time
def reading():
    before = time.monotonic_ns()
    value = int(open({ENERGY!r}).read())
    return before, value
rows = [reading()]
time.sleep(0.4)
rows.append(reading())
end = time.process_time() + 0.4
while time.process_time() < end: pass
rows.append(reading())
print(json.dumps(rows))
"""
    laptop = plants.named("laptop")
    done = run_python(laptop, script, tmp_path)
    (t0, e0), (t1, e1), (t2, e2) = done.json()
    idle_w, busy_w = (e1 - e0) / (t1 - t0) * 1e3, (e2 - e1) / (t2 - t1) * 1e3
    assert busy_w > idle_w + 3
    for start, end, counted in ((t0, t1, e1 - e0), (t1, t2, e2 - e1)):
        assert counted / 1e6 == pytest.approx(done.plant.energy_j("package", start, end), abs=25 * 0.004)


def test_the_server_holds_none_of_the_launchers_streams_and_ends_with_it(tmp_path):
    """A server that inherited a pipe of the test runner would keep it waiting for ever."""
    command = launch(STEADY, ["sh", "-c", "echo ready; exec sleep 60"], tmp_path)
    environment = clean_environment({"PYTHONPATH": str(REPOSITORY)})
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = process.stdout.readline()
    if not first:
        pytest.skip(process.communicate()[1].strip().splitlines()[-1])
    children = [pid for pid in _processes() if _parent(pid) == process.pid]
    (server,) = [pid for pid in children if "tests.instruments.run" in Path(f"/proc/{pid}/cmdline").read_text()]
    targets = {str(Path(f"/proc/{server}/fd/{stream}").readlink()) for stream in (0, 1, 2)}
    assert targets == {"/dev/null", str(tmp_path / "plant" / "server.log")}
    sleeper = next(pid for pid in children if pid != server)
    process.kill()
    try:
        _wait_until(lambda: not Path(f"/proc/{server}").exists() or "Z" in Path(f"/proc/{server}/stat").read_text())
    finally:
        os.kill(sleeper, signal.SIGKILL)
        process.communicate()


def test_nothing_is_mounted_outside_and_the_exit_status_is_the_commands(tmp_path):
    done = run_on(STEADY, ["sh", "-c", f"cat {ENERGY} >/dev/null && exit 7"], tmp_path)
    assert done.returncode == 7
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


def test_without_a_namespace_files_are_written_in_place_and_never_empty(tmp_path):
    script = """
import json, os, time
root = os.environ["EDGEKIT_INSTRUMENTS"]
path = f"{root}/class/powercap/intel-rapl:0/energy_uj"
fd = os.open(path, os.O_RDONLY)
values, end = [], time.monotonic() + 0.4
while time.monotonic() < end:
    values.append(int(os.pread(fd, 32, 0)))
link = os.path.islink(f"{root}/class/powercap/intel-rapl:0")
print(json.dumps({"first": values[0], "last": values[-1], "ordered": values == sorted(values), "count": len(values), "link": link}))
"""
    seen = run_python(STEADY, script, tmp_path, "--in-place").json()
    assert seen["ordered"]
    assert seen["link"]
    assert seen["count"] > 1000
    assert (seen["last"] - seen["first"]) / 1e6 == pytest.approx(40.0, rel=0.5)


def test_the_machines_own_sensors_are_hidden(tmp_path):
    script = """
import json, os
def names(path): return sorted(os.listdir(path)) if os.path.isdir(path) else []
print(json.dumps({path: names(f"/sys/{path}") for path in ("class/hwmon", "bus/iio/devices", "bus/event_source/devices")}))
"""
    assert run_python(STEADY, script, tmp_path).json() == {"class/hwmon": [], "bus/iio/devices": [], "bus/event_source/devices": []}


def test_truth_is_written_between_marks(tmp_path):
    script = """
import time
from tests.instruments.truth import mark
mark("a"); time.sleep(0.1); mark("b")
"""
    done = run_python(STEADY, script, tmp_path)
    (span,) = json.loads((done.plant.folder / "truth.json").read_text())["spans"]
    assert span["energy_j"]["package"] == pytest.approx(100.0 * (span["end_ns"] - span["start_ns"]) / 1e9)


def _processes():
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _parent(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return -1


def _wait_until(holds, seconds=10.0):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
