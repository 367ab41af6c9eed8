"""The emulated board answers every command and error of MLPerf Tiny's reference firmware with the exact strings."""

from __future__ import annotations

import pytest

from edgekit.sim.emulators.instrument import OwnClock
from edgekit.sim.emulators.tiny_board import Firmware, TinyBoard
from edgekit.sim.emulators.tiny_buffer import MOST_BYTES

BANNER = b"m-timestamp-mode-performance\r\nm-lap-us-52690\r\nm-init-done\r\nm-ready\r\n"
FIRMWARE = Firmware(vendor="a board", input_bytes=4, inference_s=0.01)


class Talk:
    """Ask a board at leisure."""

    def __init__(self, firmware: Firmware = FIRMWARE, **more: object) -> None:
        self.board = TinyBoard(firmware, lambda data: [data[0] / 1000, 0.5], **more)
        self.t_ns = 10**9
        self.banner = self.board.say(self.t_ns)

    def ask(self, text: str, *, wait_s: float = 100.0) -> str:
        self.t_ns += 10**9
        assert self.board.hear(text.encode("latin-1"), self.t_ns) == b""
        self.t_ns += round(wait_s * 1e9)
        return self.board.say(self.t_ns).decode("latin-1")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("name", "m-name-dut-[a board]\r\n"),
        ("profile", "m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[kws01]\r\n"),
        ("db load 4", "m-[Expecting 4 bytes]\r\n"),
        ("db load 4 and more", "m-[Expecting 4 bytes]\r\n"),
        ("db print", ""),
        ("results", "m-results-[]\r\n"),
        ("nonsense", "e-[Unknown command: nonsense]\r\n"),
        ("\nname", "e-[Unknown command: \nname]\r\n"),
        ("name\r", "e-[Unknown command: name\r]\r\n"),
        ("infer 0", "e-[Inference iterations must be >0]\r\n"),
        ("infer x", "e-[Inference iterations must be >0]\r\n"),
        ("infer -3", "e-[Inference iterations must be >0]\r\n"),
        ("infer 1 -1", "e-[Inference warmup must be >=0]\r\n"),
        ("db", "e-[Command 'db' requires a subcommand]\r\n"),
        ("db load", "e-[Command 'db load' requires the # of bytes]\r\n"),
        ("db load 0", "e-[Command 'db load' must be >0 bytes]\r\n"),
        ("db load x", "e-[Command 'db load' must be >0 bytes]\r\n"),
        ("db 012", "e-[Insufficent number of hex digits]\r\n"),
        ("db 0g", "e-[Invalid hex digit '0g']\r\n"),
        ("db load 27649", "Supplied buffer size 27649 exceeds maximum of 27648\n"),
        ("db load -5", "Supplied buffer size -5 exceeds maximum of 27648\n"),
    ],
)
def test_each_command_has_its_answer_and_each_mistake_its_error(command: str, said: str) -> None:
    assert Talk().ask(command + "%") == said + "m-ready\r\n"


def test_it_says_at_its_start_which_build_it_is() -> None:
    talk = Talk()
    assert talk.banner.replace(talk.banner.split(b"\r\n")[1], b"m-lap-us-52690") == BANNER
    energy = Talk(Firmware(energy=True, baud=9600))
    assert energy.banner == b"m-timestamp-mode-energy\r\nm-init-done\r\nm-ready\r\n"


def test_help_is_text_without_a_percent_sign() -> None:
    said = Talk().ask("help%")
    assert said.startswith("ULPMark for tinyML Firmware V0.0.1\r\n\r\n")
    assert said.endswith("\r\nm-ready\r\n")
    assert "%" not in said


def test_bytes_come_in_pieces_of_either_case_and_surplus_digits_are_dropped() -> None:
    talk = Talk()
    talk.ask("db load 10%")
    assert talk.ask("db 0aFF%") == "m-ready\r\n"
    assert talk.ask("db 0102030405060708deadbeef%") == "m-load-done\r\nm-ready\r\n"
    assert talk.ask("db print%") == "m-buffer-0a-ff-01-02-03-04-05-06\r\nm-buffer-07-08\r\n\r\nm-ready\r\n"
    assert talk.board.buffer.overruns == 0


def test_bytes_after_the_load_is_done_are_written_past_its_end() -> None:
    talk = Talk()
    talk.ask("db load 2%")
    assert "m-load-done" in talk.ask("db 0102%")
    assert talk.ask("db 0304%") == "m-ready\r\n", "the firmware says nothing of it"
    assert talk.board.buffer.overruns == 2
    talk.ask(f"db load {MOST_BYTES}%")
    answers = [talk.ask(f"db {'00' * 32}%", wait_s=0.1) for _ in range(MOST_BYTES // 32)]
    assert answers[-1] == "m-load-done\r\nm-ready\r\n"
    assert talk.ask("db 01%") == "", "beyond its memory it says nothing any more"
    assert talk.ask("name%") == ""


def test_an_inference_says_when_it_began_and_ended_and_what_came_out() -> None:
    talk = Talk()
    talk.ask("db load 4%")
    talk.ask("db ff000000%")
    said = talk.ask("infer 3 2%").split("\r\n")
    laps = [int(line.removeprefix("m-lap-us-")) for line in said if line.startswith("m-lap-us-")]
    assert [line for line in said if not line.startswith("m-lap-us-")] == [
        "m-warmup-start-2",
        "m-warmup-done",
        "m-infer-start-3",
        "m-infer-done",
        "m-results-[0.255,0.500]",
        "m-ready",
        "",
    ]
    line_us = (len(f"m-lap-us-{laps[0]}") + 2) * 10 / 115_200 * 1e6
    assert laps[1] - laps[0] == pytest.approx(3 * 10_000 + line_us, abs=2), "printing the first lap takes its time too"
    assert talk.ask("results%") == "m-results-[0.255,0.500]\r\nm-ready\r\n"


@pytest.mark.parametrize(("command", "number", "warmup"), [("infer", 1, 10), ("infer 5", 5, 10), ("infer 2 0", 2, 0)])
def test_an_inference_without_numbers_is_one_after_ten(command: str, number: int, warmup: int) -> None:
    talk = Talk()
    said = talk.ask(command + "%")
    assert f"m-warmup-start-{warmup}\r\n" in said
    assert f"m-infer-start-{number}\r\n" in said
    busy_s = (talk.board.power.total_j(talk.t_ns) - 0.012 * talk.t_ns / 1e9) / 0.030
    assert busy_s == pytest.approx((number + warmup) * 0.01)


def test_an_energy_build_pulses_its_pin_and_prints_no_lap() -> None:
    talk = Talk(Firmware(energy=True, baud=9600, inference_s=0.01, hold_s=0.002))
    assert talk.ask("timestamp%") == "m-ready\r\n"
    low_s = talk.t_ns / 1e9 - talk.board.pin.total_j(talk.t_ns)
    assert low_s == pytest.approx(2 * 0.002), "one pulse for the start, one for the command"
    assert "m-lap" not in talk.ask("infer 3 0%")


def test_its_microseconds_wrap_and_run_on_its_own_clock() -> None:
    talk = Talk(clock=OwnClock(drift=1e-3))
    talk.t_ns = 2**32 * 1000
    told = int(talk.ask("timestamp%").split("\r\n")[0].removeprefix("m-lap-us-"))
    assert told == pytest.approx((talk.t_ns - 100 * 10**9) * 1.001 / 1000 - 2**32, abs=2000)


def test_what_comes_while_it_infers_is_lost() -> None:
    talk = Talk()
    said = talk.ask("infer 200 0%", wait_s=0.5) + talk.ask("name%", wait_s=0.0) + talk.ask("name%")
    assert said.count("m-name-dut") == 1


def test_a_long_command_is_cut_off_and_answered() -> None:
    assert Talk().ask("x" * 100 + "%") == f"e-[Unknown command: {'x' * 80}]\r\nm-ready\r\n"


def test_at_another_speed_both_sides_hear_garbage() -> None:
    speed = [9600]
    talk = Talk(speed=lambda: speed[0])
    assert b"m-ready" not in talk.banner
    assert talk.ask("name%") == "", "it heard no end of a command"
    speed[0] = 115_200
    assert talk.ask("%").startswith("e-[Unknown command: ")
    assert talk.ask("name%") == "m-name-dut-[a board]\r\nm-ready\r\n"


def test_a_reset_ends_all_it_does_and_begins_anew() -> None:
    talk = Talk()
    talk.ask("db load 4%")
    talk.board.reset_at(talk.t_ns + 2 * 10**9)
    said = talk.ask("infer 100000 0%")
    assert said.count("m-lap-us-") == 2, "one of the inference, one of the banner"
    assert "m-infer-done" not in said
    assert said.endswith("m-init-done\r\nm-ready\r\n")
    assert talk.board.power.power(talk.t_ns) == FIRMWARE.idle_w
    assert talk.ask("db print%") == "m-ready\r\n", "its buffer is empty again"
