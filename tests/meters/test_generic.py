"""Meters that print lines and files that hold rows: what is understood, what is refused, and joules against the truth."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.errors import EdgekitError, HardwareError, UsageError
from edgekit.core.quantity import Origin
from edgekit.links.pty import served
from edgekit.meters.csv_file import CsvMeter
from edgekit.meters.program import ExecMeter, SigrokMeter
from edgekit.meters.reading.printed import parse_line
from edgekit.meters.reading.table import parse_table
from edgekit.meters.serial_lines import SerialLinesMeter
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.instrument import Circuit
from edgekit.sim.emulators.lines import PrintedLines
from edgekit.sim.load import constant, square
from tests.meters.scripted import Heard, Line, pass_time
from tests.processes import python_program

PYTHON = shlex.quote(sys.executable)

PATTERN = re.compile(r"U=(?P<volts>[\d.]+)V I=(?P<amps>-?[\d.]+)A")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("5.25", {"watts": 5.25}),
        ("5.0 1.2\r", {"volts": 5.0, "amps": 1.2}),
        ("5.0,1.2", {"volts": 5.0, "amps": 1.2}),
        ('{"power": 3, "note": "x"}', {"watts": 3.0}),
        ('{"voltage": "5", "current": 2, "joules": 7.5}', {"volts": 5.0, "amps": 2.0, "joules": 7.5}),
        ('{"volts": 5}', None),
        ('{"watts": true}', None),
        ("watts", None),
        ("1 2 3", None),
        ("nan", None),
        ("1e999", None),
        ("", None),
        ("9" * 5000, None),
    ],
)
def test_a_line_is_numbers_or_nothing(line: str, found: dict[str, float] | None) -> None:
    assert parse_line(line) == found


def test_a_pattern_and_columns_say_what_numbers_are() -> None:
    assert parse_line("t=1 U=5.1V I=-0.2A ok", pattern=PATTERN) == {"volts": 5.1, "amps": -0.2}
    assert parse_line("t=1 U=5.1V I=A", pattern=PATTERN) is None
    assert parse_line("17,5.1,0.2,9", columns=("", "volts", "amps")) == {"volts": 5.1, "amps": 0.2}


@given(st.text(max_size=50))
def test_any_line_is_survived(line: str) -> None:
    parse_line(line)
    parse_line("{" + line)
    parse_line(line, pattern=PATTERN)


@pytest.mark.parametrize("count", [1000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_damaged_lines_and_tables_are_survived(count: int) -> None:
    draw = random.Random(2)
    for _ in range(count):
        text = list(draw.choice(['{"watts": 5.5, "joules": 3}', "5.1 0.25", "t_s,watts\n1,2\n2,3\n", "t_ns;volts;amps\n1;2;3\n"]))
        for _ in range(draw.randrange(1, 4)):
            text[draw.randrange(len(text))] = chr(draw.choice((0, 10, 44, 57, 123, 0x663, 0xFFFF)))
        parse_line("".join(text))
        with contextlib.suppress(UsageError):
            parse_table("".join(text), where="table")


def test_lines_arrive_through_a_serial_line() -> None:
    now_ns = time.monotonic_ns()
    with served(PrintedLines(Circuit(power=constant(6.0), start_ns=now_ns), period_ns=20_000_000)) as path:
        heard = collect(SerialLinesMeter(path, {"emulated": "yes", "baud": "9600"}), 6)
    assert set(heard.trace("serial-lines.current", "host").value) == {1.2}


def collect(meter: Any, wanted: int) -> Heard:
    heard = Heard()
    assert {channel.origin for channel in meter.spec().channels} == {Origin.EMULATED if meter.options.get("emulated") else Origin.MEASURED}
    meter.start(heard.sink, heard)
    until = time.monotonic() + 20
    while len(heard.readings) < wanted and not heard.errors and time.monotonic() < until:
        time.sleep(0.02)
    meter.stop()
    return heard


def test_a_program_is_read_and_ended_with_all_it_started(tmp_path: Path) -> None:
    script = tmp_path / "meter.py"
    script.write_text(
        "import json, os, subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(tmp_path / 'pids')!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "print('starting up', flush=True)\n"
        "while True:\n    print(json.dumps({'watts': 4.5, 'joules': 9}), flush=True)\n    time.sleep(0.01)\n"
    )
    heard = collect(ExecMeter(f"{PYTHON} {script}", {"emulated": "yes"}), 6)
    assert not heard.errors
    assert {(reading.channel, reading.value) for reading in heard.readings} == {("exec.power", 4.5), ("exec.energy", 9.0)}
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        until = time.monotonic() + 5
        while alive(pid) and time.monotonic() < until:
            time.sleep(0.02)
        assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def test_a_program_that_ends_says_its_last_words(tmp_path: Path) -> None:
    script = tmp_path / "meter.py"
    script.write_text("import sys, time\nprint(5.5, flush=True)\ntime.sleep(0.2)\nprint(5.5, flush=True)\nsys.exit('device lost')\n")
    heard = collect(ExecMeter("", {"command": f"{PYTHON} {script}"}), 10)
    (error,) = heard.errors
    assert isinstance(error, HardwareError)
    assert (error.code, error.why) == ("exec.ended", "device lost")
    assert [reading.value for reading in heard.readings] == [5.5], "what it said before is kept"


def test_lines_that_come_in_bunches_are_remarked_on() -> None:
    clock, heard = ScriptedClock(), Heard()
    line = Line(PrintedLines(Circuit(power=constant(6.0), start_ns=clock.now_ns()), period_ns=1_000_000), clock)
    meter = SerialLinesMeter("line", clock=clock, open_port=line.open)
    meter.start(heard.sink, heard)
    pass_time(clock, seconds=1.0, step_s=0.1)
    meter.stop()
    assert heard.codes == ["meter.bunches"]


def test_sigrok_is_started_for_a_device_and_its_rows_are_read(tmp_path: Path) -> None:
    code = "import sys, time\nprint('; CSV', sys.argv, flush=True)\nprint('V,I', flush=True)\n"
    program = python_program(tmp_path / "sigrok-cli", code + "while True:\n    print('5.00,0.50', flush=True)\n    time.sleep(0.01)\n")
    meter = SigrokMeter("rdtech-tc:conn=/dev/ttyACM0", {"program": str(program)})
    assert meter.address == f"{program} -d rdtech-tc:conn=/dev/ttyACM0 --continuous -O csv"
    assert set(collect(meter, 4).trace("sigrok.current", "host").value) == {0.5}


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: SerialLinesMeter("x", {"pattern": "(?P<volts>\\d+"}), "meter.option"),
        (lambda: SerialLinesMeter("x", {"pattern": "(?P<volts>\\d+)"}), "meter.option"),
        (lambda: SerialLinesMeter("x", {"columns": "volts current"}), "meter.option"),
        (lambda: SerialLinesMeter("x", {"baud": "fast"}), "meter.option"),
        (lambda: ExecMeter("x", {"samples": "some"}), "meter.option"),
        (lambda: ExecMeter("").spec(), "exec.command"),
        (lambda: ExecMeter("echo 'x").spec(), "exec.command"),
        (lambda: ExecMeter("/no/such/program").spec(), "process.start"),
        (lambda: SigrokMeter("--help"), "meter.option"),
        (lambda: CsvMeter(""), "meter.option"),
        (lambda: CsvMeter("x.csv", {"time": "utc"}), "meter.option"),
    ],
)
def test_what_cannot_be_meant_is_refused(make: Any, code: str) -> None:
    with pytest.raises(EdgekitError) as refused:
        make()
    assert refused.value.code == code


def test_a_program_without_readings_is_called_silent() -> None:
    with pytest.raises(HardwareError) as silent:
        ExecMeter(f"{PYTHON} -c 'import time; print(1, 2, 3, flush=True); time.sleep(9)'", {"timeout_s": "1"}).spec()
    assert silent.value.code == "meter.silent"


@pytest.mark.parametrize(
    ("origin", "options", "columns"),
    [
        ("start", {}, "t_s,watts"),
        ("unix", {"time": "unix"}, "t_ns,power_w"),
        ("host", {"time": "host", "offset_s": "-3"}, "t_ns;volts;amps"),
    ],
)
def test_a_file_that_is_finished_with_the_run_holds_the_true_joules(
    tmp_path: Path, origin: str, options: dict[str, str], columns: str
) -> None:
    clock, heard, path = ScriptedClock(), Heard(), tmp_path / "power.csv"
    path.write_text(f"# a tool\n{columns}\n")
    begin_ns, unix_ns = clock.now_ns(), 1_790_000_000 * 10**9
    circuit = Circuit(power=square(2.0, 6.0, 1.3, 0.4), start_ns=begin_ns)
    meter = CsvMeter(str(path), options, clock=clock, unix_ns=lambda: unix_ns)
    spec = meter.spec()
    meter.start(heard.sink, heard)
    clock.sleep(20.0)
    zero_ns = {"start": 0, "unix": unix_ns, "host": begin_ns + 3 * 10**9}[origin]
    rows = []
    for step in range(-100, 3000):
        at_ns = step * 10**7
        watts = circuit.energy_j(begin_ns + at_ns - 10**7, begin_ns + at_ns) / 0.01 if step > 0 else 2.0
        stamp = f"{at_ns / 1e9:.3f}" if origin == "start" else str(zero_ns + at_ns)
        rows.append(f"{stamp};5;{watts / 5}" if origin == "host" else f"{stamp},{watts}")
    path.write_text(f"# a tool\n{columns}\n" + "\n".join(rows) + "\n")
    meter.stop()
    assert not heard.errors
    assert len(heard.trace(spec.channels[0].id)) == 2001, "those before and after the run are left out"
    values = [heard.trace(channel.id).value for channel in spec.channels]
    joules = sum((values[0] if len(values) == 1 else values[0] * values[1])[1:]) * 0.01
    assert joules == pytest.approx(circuit.energy_j(begin_ns, begin_ns + 20 * 10**9), rel=1e-6)


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        (None, {}, "csv.absent"),
        (None, {"quantities": "volts amps"}, None),
        ("t_s,temperature\n", {}, "csv.format"),
        ("t_s,watts\n1,2\n1,3\n", {}, "csv.format"),
        ("t_s,watts\n1,2\n2,nan\n", {}, "csv.format"),
        ("t_s,watts\n", {}, None),
        ("t_s,watts\n1,2\n2,3.", {}, None),
        ("t_s,watts\n1,2\n2,", {}, None),
    ],
)
def test_a_file_is_looked_at_before_anything_is_measured(
    tmp_path: Path, text: str | None, options: dict[str, str], code: str | None
) -> None:
    path = tmp_path / "power.csv"
    if text is not None:
        path.write_text(text)
    if code is None:
        assert CsvMeter(str(path), options).spec().channels
        return
    with pytest.raises(UsageError) as refused:
        CsvMeter(str(path), options).spec()
    assert refused.value.code == code
    with pytest.raises(UsageError):
        CsvMeter(str(tmp_path / "none" / "power.csv"), {"quantities": "watts"}).spec()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "csv.format"),
        ("t_s,temperature\n1,2\n", "csv.format"),
        ("t_s,watts\n1,2\n1,3\n", "csv.format"),
        ("t_s,watts\n1,nan\n", "csv.format"),
        ("t_s,watts\n1\n", "csv.format"),
        ("t_s,watts\n99,2\n", "csv.elsewhere"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_at_the_end(tmp_path: Path, text: str, code: str) -> None:
    clock, heard, path = ScriptedClock(), Heard(), tmp_path / "power.csv"
    path.write_text(text)
    meter = CsvMeter(str(path), clock=clock)
    meter.start(heard.sink, heard)
    clock.sleep(5)
    meter.stop()
    (error,) = heard.errors
    assert isinstance(error, EdgekitError)
    assert error.code == code
    meter.stop()
