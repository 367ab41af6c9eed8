"""The protocol of MLPerf Tiny's firmware as pure functions: every line, every length of input, any bytes at all."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.devices.tiny_protocol import WRAP_US, Lines, Message, Said, is_text, load_commands, parse, results, unwrapped_us

LINES = [
    ("m-ready", Said.READY, ""),
    ("m-lap-us-4294967295", Said.LAP, "4294967295"),
    ("m-name-dut-[NUCLEO-L4R5ZI [rev C]]", Said.NAME, "NUCLEO-L4R5ZI [rev C]"),
    ("m-profile-[ULPMark for tinyML Firmware V0.0.1]", Said.PROFILE, "ULPMark for tinyML Firmware V0.0.1"),
    ("m-model-[kws01]", Said.MODEL, "kws01"),
    ("m-timestamp-mode-energy", Said.MODE, "energy"),
    ("m-init-done", Said.INIT, ""),
    ("m-[Expecting 490 bytes]", Said.EXPECTING, "490"),
    ("m-load-done", Said.LOADED, ""),
    ("m-infer-start-70", Said.INFER_START, "70"),
    ("m-infer-done", Said.INFER_DONE, ""),
    ("m-results-[0.000,0.996]", Said.RESULTS, "0.000,0.996"),
    ("e-[Invalid hex digit 'zz']", Said.ERROR, "Invalid hex digit 'zz'"),
    ("e-[Unknown command: a]b]", Said.ERROR, "Unknown command: a]b"),
    ("Supplied buffer size 30000 exceeds maximum of 27648", Said.TOO_LARGE, "27648"),
    ("m-warmup-start-10", Said.OTHER, ""),
    ("anything else", Said.OTHER, ""),
]


@pytest.mark.parametrize(("text", "said", "value"), LINES)
def test_each_line_says_what_it_says(text: str, said: Said, value: str) -> None:
    message = parse(text.encode() + b"\r")
    assert (message.said, message.value) == (said, value)


def test_noise_before_a_line_is_passed_over_and_noise_within_it_is_not() -> None:
    assert parse(b"\x00\xff\xf0m-ready\r").said is Said.READY
    assert parse(b"m-lap-us-12\xff34\r").said is Said.OTHER, "digits must not close up over what was lost between them"


@given(st.binary(min_size=1, max_size=200))
def test_an_input_is_cut_into_commands_that_the_buffer_of_the_board_holds(data: bytes) -> None:
    length, *pieces = load_commands(data)
    assert length == f"db load {len(data)}%"
    assert all(piece.startswith("db ") and piece.endswith("%") and len(piece) <= 3 + 62 + 1 for piece in pieces)
    assert bytes.fromhex("".join(piece[3:-1] for piece in pieces)) == data


@given(st.integers(0, 2**40), st.integers(-(2**31) + 1, 2**31 - 1))
def test_a_wrapped_counter_is_told_from_where_it_should_be(true_us: int, off_us: int) -> None:
    assert unwrapped_us(true_us % WRAP_US, true_us + off_us) == true_us


def test_results_are_numbers_or_refused() -> None:
    assert results("0.000,-1.5,1e3") == (0.0, -1.5, 1000.0)
    assert results("") == ()
    for text in ("0.1,x", "nan", "inf,0"):
        with pytest.raises(ValueError, match=r"."):
            results(text)


def _fed(data: bytes, rng: random.Random) -> list[Message]:
    lines, found, place = Lines(), [], 0
    while place < len(data):
        size = rng.randint(1, 40)
        found += lines.feed(data[place : place + size], place)
        place += size
    return found


def test_lines_come_out_whole_however_they_come_in_with_the_times_of_their_ends() -> None:
    text = b"m-infer-start-3\r\nm-lap-us-1\r\n"
    lines = Lines()
    assert lines.feed(text[:4], 10) == []
    assert [(m.said, m.first_ns, m.last_ns) for m in lines.feed(text[4:], 20)] == [(Said.INFER_START, 10, 20), (Said.LAP, 20, 20)]


def _fuzz(number: int) -> None:
    rng = random.Random(6)
    stock = [text.encode() + b"\r\n" for text, _, _ in LINES]
    for _ in range(number):
        data = b"".join(rng.choice(stock) if rng.random() < 0.5 else rng.randbytes(rng.randint(0, 30)) for _ in range(4))
        found = _fed(data, rng)
        assert len(found) == data.count(b"\n")
        is_text(data)


def test_any_bytes_are_survived() -> None:
    _fuzz(1000)


@pytest.mark.slow
def test_a_hundred_thousand_of_any_bytes_are_survived() -> None:
    _fuzz(100_000)


def test_a_line_without_an_end_takes_no_memory() -> None:
    lines = Lines()
    for _ in range(1000):
        assert lines.feed(b"x" * 1000, 0) == []
    assert len(lines._rest) <= 4096
