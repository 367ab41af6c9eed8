"""Shelly and Tasmota plugs: parsers, emulators that speak HTTP, passwords, failures, and energy against the truth."""

from __future__ import annotations

import json
import random
import socket
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.channel import Measurand
from edgekit.core.errors import HardwareError, UsageError
from edgekit.core.quantity import Origin
from edgekit.core.window import Phase, Window
from edgekit.energy.boundaries.group import analyse_group
from edgekit.energy.boundaries.groups import channel_groups
from edgekit.links.http import HttpPort, Login, authorization
from edgekit.links.tcp import served_at_port
from edgekit.meters import shelly, tasmota
from edgekit.meters.shelly import ShellyMeter
from edgekit.meters.tasmota import TasmotaMeter
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.http import HttpInstrument
from edgekit.sim.emulators.instrument import Circuit
from edgekit.sim.emulators.plugs import Plug, Shelly, ShellyFirst, ShellyPm, Tasmota
from edgekit.sim.load import constant, square
from tests.meters.scripted import Heard, pass_time

SECOND_NS = 10**9
PARSERS = (shelly.parse_gen2, shelly.parse_gen1, tasmota.parse)
STEADY = Circuit(power=constant(7.5), voltage_v=230.0)


class Asked:
    """Carry a path to an emulated plug on a scripted clock, and the body back."""

    name = "http://plug"

    def __init__(self, plug: HttpInstrument, clock: ScriptedClock) -> None:
        self._plug, self._clock, self._path = plug, clock, b""

    def write(self, data: bytes) -> None:
        self._path = data

    def read(self, most: int, timeout_s: float) -> bytes:
        self._clock.advance(20_000_000)
        said = self._plug.hear(b"GET " + self._path + b" HTTP/1.1\r\nHost: plug\r\n\r\n", self._clock.now_ns())
        head, _, body = said.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        if status != 200:
            raise HardwareError(f"HTTP {status}", code="http.status", why="scripted")
        return body[:most]

    def close(self) -> None:
        pass


def on_script(kind: type[Any], plug: Plug, clock: ScriptedClock, **options: str) -> Any:
    return kind("plug", options, clock=clock, open_port=lambda address, baud, login: Asked(plug, clock))


def test_what_plugs_of_each_kind_say_is_read() -> None:
    gen2 = shelly.parse_gen2(b'{"id":0,"apower":8.9,"voltage":237.5,"aenergy":{"total":6.532,"by_minute":[45.199,47.141,88.397]}}')
    assert gen2 is not None
    assert (gen2.power_w, gen2.counted) == (8.9, 6.532)
    gen1 = shelly.parse_gen1(b'{"power":5.63,"overpower":0,"is_valid":true,"total":9001}')
    assert gen1 is not None
    assert (gen1.power_w, gen1.counted) == (5.63, 9001)
    found = tasmota.parse(b'{"StatusSNS":{"ENERGY":{"Total":1.234,"Power":17}}}')
    assert found is not None
    assert (found.power_w, found.counted) == (17, 1.234)
    second = tasmota.parse(b'{"StatusSNS":{"ENERGY":{"Total":1.2,"Power":[1,2]}}}', 1)
    assert second is not None
    assert (second.power_w, second.counted) == (2, None), "the total is that of both"


@pytest.mark.parametrize(
    "data",
    [b"", b"null", b"[]", b'{"apower":NaN,"power":true}', b'{"apower":"7","power":1e999}', b'{"StatusSNS":[]}', b"[" * 99_999, b"9" * 9000],
)
def test_what_holds_no_watts_is_no_reading(data: bytes) -> None:
    assert [parse(data) for parse in PARSERS] == [None, None, None]


def test_a_plug_that_calls_its_own_reading_wrong_is_believed() -> None:
    assert shelly.parse_gen1(b'{"power":5.0,"is_valid":false,"total":1}') is None


@given(st.binary(max_size=60))
def test_parsers_survive_any_bytes(data: bytes) -> None:
    for parse in PARSERS:
        parse(data)


@pytest.mark.parametrize("count", [1000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_parsers_survive_damaged_answers(count: int) -> None:
    draw = random.Random(5)
    whole = [b'{"apower":8.9,"power":2,"total":3,"aenergy":{"total":6.5}}', b'{"StatusSNS":{"ENERGY":{"Total":1.2,"Power":[1,2]}}}']
    for _ in range(count):
        data = bytearray(draw.choice(whole))
        for _ in range(draw.randrange(1, 4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        for parse in PARSERS:
            parse(bytes(data[: draw.randrange(len(data) + 1)]))


def test_digest_is_that_of_the_standards_own_example() -> None:
    challenge = (
        'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    login = Login(user="Mufasa", password="Circle of Life")
    wanted = {
        "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        "MD5": "8ca523f5e9506fed4657c9700eebdbec",
    }  # RFC 7616, 3.9.1
    for algorithm, response in wanted.items():
        told = authorization(
            challenge.format(algorithm), "/dir/index.html", login, count=1, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
        )
        assert f'response="{response}"' in told
    assert "Circle" not in repr(login)


@pytest.mark.parametrize(
    ("emulator", "kind", "scale"), [(Shelly, ShellyMeter, 3600), (ShellyPm, ShellyMeter, 3600), (ShellyFirst, ShellyMeter, 60)]
)
def test_generations_are_told_apart_by_what_they_answer(emulator: type[Plug], kind: type[Any], scale: float) -> None:
    spec = on_script(kind, emulator(STEADY), ScriptedClock()).spec()
    assert spec.channels[1].scale == scale
    assert {channel.origin for channel in spec.channels} == {Origin.EMULATED}, "the plug itself says that it is none"
    assert {str(channel.boundary) for channel in spec.channels} == {"wall"}
    assert not spec.accuracy.verified


@pytest.mark.parametrize(
    ("emulator", "kind", "widest"), [(Shelly, ShellyMeter, 0.12), (ShellyFirst, ShellyMeter, 0.2), (Tasmota, TasmotaMeter, 0.2)]
)
def test_minutes_agree_with_the_true_joules(emulator: type[Plug], kind: type[Any], widest: float) -> None:
    for seed in range(4):
        clock, draw = ScriptedClock(), random.Random(seed)
        circuit = Circuit(power=square(8.0, 20.0, draw.uniform(2, 9), 0.4), voltage_v=230.0, start_ns=clock.now_ns())
        meter, heard = on_script(kind, emulator(circuit, seed=seed), clock), Heard()
        spec = meter.spec()
        meter.start(heard.sink, heard)
        start_ns = clock.now_ns()
        pass_time(clock, seconds=260, step_s=0.1)
        meter.stop()
        windows = [window(place, start_ns + (5 + 80 * place) * SECOND_NS, 60) for place in range(3)]
        stated = analysed(spec, heard, windows)
        true_j = sum(circuit.energy_j(each.start_ns, each.end_ns) for each in windows) / 300
        assert stated.value is not None, stated
        assert stated.low <= true_j <= stated.high, (seed, stated)
        assert (stated.high - stated.low) / 2 < widest * true_j


def test_no_energy_is_stated_for_a_window_of_seconds() -> None:
    clock, heard = ScriptedClock(), Heard()
    meter = on_script(ShellyMeter, Shelly(STEADY), clock)
    spec = meter.spec()
    meter.start(heard.sink, heard)
    start_ns = clock.now_ns()
    pass_time(clock, seconds=60, step_s=0.1)
    meter.stop()
    stated = analysed(spec, heard, [window(place, start_ns + (5 + 15 * place) * SECOND_NS, 10) for place in range(3)])
    assert stated.value is None
    assert "needs windows of 60 s or more, and one is 10 s long" in stated.reason


def window(index: int, start_ns: int, seconds: int) -> Window:
    return Window(phase=Phase.MEASURE, index=index, clock="sim", start_ns=start_ns, end_ns=start_ns + seconds * SECOND_NS, inferences=100)


def analysed(spec: Any, heard: Heard, windows: list[Window]) -> Any:
    traces = {channel.id: heard.trace(channel.id) for channel in spec.channels}
    power = [channel for channel in spec.channels if channel.measurand is Measurand.POWER]
    groups = [power] if spec.kind == "tasmota" else channel_groups(spec)
    found = analyse_group(groups[0], spec, windows=windows, idles=(), maps=(), traces=traces, machine="test")
    return found.energy_j_per_inference


def test_a_server_error_that_passes_leaves_a_gap_and_nothing_else() -> None:
    clock, heard = ScriptedClock(), Heard()
    begin = clock.now_ns()
    meter = on_script(ShellyMeter, Shelly(STEADY, failing=(begin + 5 * SECOND_NS, begin + 9 * SECOND_NS)), clock)
    meter.start(heard.sink, heard)
    pass_time(clock, seconds=20, step_s=0.1)
    meter.stop()
    (gap,) = heard.gaps
    assert 3.5e9 < gap[1] - gap[0] < 5e9
    assert not [r for r in heard.readings if gap[0] < r.t_ns < gap[1] - SECOND_NS // 10]
    assert next(reading.flags for reading in heard.readings if reading.t_ns >= gap[1]) != 0


def test_a_server_error_that_stays_ends_the_readings_and_says_so() -> None:
    clock, heard = ScriptedClock(), Heard()
    begin = clock.now_ns()
    meter = on_script(ShellyMeter, Shelly(STEADY, failing=(begin + 5 * SECOND_NS, begin + 900 * SECOND_NS)), clock)
    meter.start(heard.sink, heard)
    with pytest.raises(HardwareError) as stopped:
        pass_time(clock, seconds=30, step_s=0.1)
    assert stopped.value.code == "http.status"
    meter.stop()


@pytest.mark.parametrize(
    ("emulator", "kind"), [(Shelly, ShellyMeter), (ShellyPm, ShellyMeter), (ShellyFirst, ShellyMeter), (Tasmota, TasmotaMeter)]
)
def test_a_password_opens_a_plug_and_shows_up_nowhere(emulator: type[Plug], kind: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "correct horse&battery"
    plug = emulator(Circuit(power=constant(7.5), voltage_v=230.0), password=secret)
    heard = Heard()
    with served_at_port(plug) as (host, port):
        address = f"http://{host}:{port}"
        with pytest.raises(HardwareError) as shut:
            kind(address).spec()
        assert shut.value.code == "http.auth"
        monkeypatch.setenv("PLUG_PASSWORD", "wrong")
        with pytest.raises(HardwareError) as wrong:
            kind(address, {"password_env": "PLUG_PASSWORD"}).spec()
        assert wrong.value.code == "http.auth"
        monkeypatch.setenv("PLUG_PASSWORD", secret)
        meter = kind(address, {"password_env": "PLUG_PASSWORD"})
        spec = meter.spec()
        meter.start(heard.sink, heard)
        until = time.monotonic() + 10
        while len(heard.readings) < 2 and time.monotonic() < until:
            time.sleep(0.02)
        meter.stop()
    assert heard.readings
    assert not heard.errors
    assert secret not in repr((spec, meter.options, shut.value, wrong.value, wrong.value.why, wrong.value.do, heard.notes))
    assert {path.partition("?")[0] for path in plug.asked} <= {
        *("/shelly", "/rpc/Switch.GetStatus", "/rpc/PM1.GetStatus", "/meter/0", "/cm"),
    }, "nothing that switches was asked"


def test_a_silent_plug_and_one_that_is_not_there_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = HttpPort(f"127.0.0.1:{deaf.getsockname()[1]}", timeout_s=0.1)
        port.write(b"/shelly")
        with pytest.raises(HardwareError) as silent:
            port.read(100, 1.0)
        closed = deaf.getsockname()[1]
    gone = HttpPort(f"127.0.0.1:{closed}", timeout_s=0.5)
    gone.write(b"/shelly")
    with pytest.raises(HardwareError) as absent:
        gone.read(100, 1.0)
    assert (silent.value.code, absent.value.code) == ("http.timeout", "port.gone")


@pytest.mark.parametrize("address", ["", "https://plug", "http://admin:secret@plug", "http://plug/rpc", "plug:99999"])
def test_an_address_that_cannot_be_meant_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(UsageError) as refused:
        HttpPort(address)
    assert refused.value.code == "http.address"
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "options", [{"password": "x"}, {"passwort_env": "x"}, {"id": "-1"}, {"id": "two"}, {"password_env": "NO_SUCH_VARIABLE_HERE"}]
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(UsageError) as refused:
        ShellyMeter("plug", options)
    assert refused.value.code == "meter.option"


def test_a_page_that_is_no_plug_is_called_so() -> None:
    with pytest.raises(HardwareError) as other:
        on_script(ShellyMeter, Tasmota(STEADY), ScriptedClock()).spec()
    with pytest.raises(HardwareError) as another:
        on_script(TasmotaMeter, Shelly(STEADY), ScriptedClock()).spec()
    assert other.value.code == "http.answer"
    assert another.value.code == "http.status", "a Shelly has no /cm"


def test_a_benchmark_with_short_windows_is_refused_before_it_measures(run_edgekit: Any, model_file: Any) -> None:
    with served_at_port(Shelly(STEADY)) as (host, port):
        done = run_edgekit("bench", model_file, "--meter", f"shelly:http://{host}:{port}", "--window", "10", "--json")
    data = json.loads(done.stdout)["data"]
    assert (done.returncode, data["code"]) == (2, "bench.window_short"), done.stdout
    assert "--window 60" in data["do"][0]["command"]
