"""Check the other sensors: perf events, hwmon and IIO trees, the Raspberry Pi's vcgencmd."""

from __future__ import annotations

import pytest

from tests.instruments import plants, run, truth
from tests.instruments.emulated import run_python


def test_perf_streams_count_in_units_of_two_to_the_minus_32_joules(tmp_path):
    script = """
import json, os, time
root = "/sys/bus/event_source/devices/power"
def text(name): return open(f"{root}/{name}").read().strip()
fd = os.open(os.environ["EDGEKIT_INSTRUMENTS"] + "/perf/energy-pkg-18", os.O_RDONLY)
def read():
    before = time.monotonic_ns()
    return before, int.from_bytes(os.read(fd, 8), "little"), time.monotonic_ns()
rows = [read()]
time.sleep(0.2)
rows.append(read())
about = {name: text(name) for name in ("type", "cpumask", "events/energy-pkg", "events/energy-pkg.scale", "events/energy-pkg.unit")}
print(json.dumps({"rows": rows, "about": about, "events": sorted(os.listdir(f"{root}/events"))}))
"""
    done = run_python(plants.named("server"), script, tmp_path)
    seen = done.json()
    assert seen["about"] == {
        "type": "28",
        "cpumask": "0,18",
        "events/energy-pkg": "event=0x02",
        "events/energy-pkg.scale": "2.3283064365386962890625e-10",
        "events/energy-pkg.unit": "Joules",
    }
    assert seen["events"] == ["energy-pkg", "energy-pkg.scale", "energy-pkg.unit", "energy-ram", "energy-ram.scale", "energy-ram.unit"]
    (start, first, _), (_, last, end) = seen["rows"]
    truth = done.plant.energy_j("package-1", start, end)
    assert (last - first) * float(seen["about"]["events/energy-pkg.scale"]) == pytest.approx(truth, abs=100 * 0.004)


def test_a_jetsons_rails_are_found_by_label_on_both_paths(tmp_path):
    script = """
import glob, json, os, time
def text(path): return open(path).read().strip()
time.sleep(0.15)
def sensor(folder):
    rows = {text(f"{folder}/in{n}_label"): [int(text(f"{folder}/{kind}{n}_input")) for kind in ("in", "curr")] for n in (1, 2, 3)}
    return {"rows": rows, "name": text(f"{folder}/name"), "device": os.path.basename(os.path.realpath(f"{folder}/device"))}
(by_class,) = glob.glob("/sys/class/hwmon/hwmon*")
(by_driver,) = glob.glob("/sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*")
print(json.dumps([sensor(by_class), sensor(by_driver), os.path.realpath(by_class) == os.path.realpath(by_driver)]))
"""
    done = run_python(plants.named("jetson"), script, tmp_path)
    one, other, same = done.json()
    assert same
    assert (one["name"], one["device"]) == ("ina3221", "1-0040")
    assert set(one["rows"]) == set(other["rows"]) == {"VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"}
    assert one["rows"]["VDD_SOC"] == [5000, 304], "1.5 W at 5 V, in steps of 8 mA"


def test_an_old_jetson_kernel_shows_iio_and_an_ina226_its_power(tmp_path):
    chips = [
        {"kind": "ina3221x", "address": "0-0041", "rails": [{"label": "VDD_IN", "rail": "module"}]},
        {"kind": "ina226", "address": "1-0041", "period_s": 0.02, "rails": [{"rail": "soc", "volts": 5.1}]},
    ]
    script = """
import glob, json, time
def text(path): return open(path).read().strip()
time.sleep(0.15)
(iio,) = glob.glob("/sys/bus/i2c/drivers/ina3221x/0-0041/iio:device*")
chip = "/sys/class/hwmon/hwmon1"
print(json.dumps({
    "iio": [text(f"{iio}/{name}") for name in ("name", "rail_name_0", "in_voltage0_input")],
    "milliwatts": int(text(f"{iio}/in_power0_input")),
    "hwmon": [text(f"{chip}/{name}") for name in ("name", "update_interval", "power1_input", "in1_input")],
}))
"""
    seen = run_python({**plants.named("jetson"), "hwmon": chips}, script, tmp_path).json()
    assert seen["iio"] == ["ina3221x", "VDD_IN", "5000"]
    assert 4000 < seen["milliwatts"] < 20_000
    assert seen["hwmon"] == ["ina226", "20", "1500000", "5100"]


def test_vcgencmd_prints_the_rails_of_a_raspberry_pi(tmp_path):
    script = """
import json, re, subprocess
done = subprocess.run(["vcgencmd", "pmic_read_adc"], capture_output=True, text=True)
rows = re.findall(r"^\\s*(\\w+)_([AV])\\s+\\w+\\((\\d+)\\)=([\\d.]+)[AV]$", done.stdout, re.M)
print(json.dumps({"rows": rows, "lines": len(done.stdout.splitlines()),
    "throttled": subprocess.run(["vcgencmd", "get_throttled"], capture_output=True, text=True).stdout,
    "unknown": subprocess.run(["vcgencmd", "nonsense"], capture_output=True).returncode}))
"""
    seen = run_python(plants.named("pi5"), script, tmp_path).json()
    values = {(name, kind): float(value) for name, kind, _, value in seen["rows"]}
    assert len(seen["rows"]) == seen["lines"] == 26
    assert 0.65 < values["VDD_CORE", "A"] * values["VDD_CORE", "V"] < 8
    assert values["HDMI", "A"] == 0
    assert ("EXT5V", "V") in values
    assert ("EXT5V", "A") not in values
    assert seen["throttled"] == "throttled=0x0\n"
    assert seen["unknown"] == 255


def test_a_spec_may_add_files_and_programs_for_the_command_alone(tmp_path):
    more = {"files": {"/etc/nv_tegra_release": "# R36\n"}, "stubs": {"uname": "#!/bin/sh\necho aarch64\n"}}
    script = """
import os, platform
print(open("/etc/nv_tegra_release").read().strip(), platform.processor(), os.path.exists("/etc/passwd"))
"""
    done = run_python({**plants.named("jetson"), **more}, script, tmp_path)
    assert done.stdout.strip() == "# R36 aarch64 True"


@pytest.mark.parametrize(
    ("main", "arguments", "said"),
    [
        (run.main, ["--plant", "no such", "--", "true"], "neither a plant of plants.py"),
        (run.main, ["--plant", "{here}/list.json", "--", "true"], "it names no rails"),
        (truth.main, ["{here}"], "there is no plant in"),
        (truth.main, ["{here}", "5"], "two times, or none"),
        (truth.main, ["--help"], "joules of every rail"),
    ],
)
def test_what_was_typed_wrong_is_said_in_one_line(main, arguments, said, tmp_path, capsys):
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(SystemExit) as ended:
        main([argument.format(here=tmp_path) for argument in arguments])
    assert ended.value.code in (0, 2)
    assert said in "".join(capsys.readouterr())
