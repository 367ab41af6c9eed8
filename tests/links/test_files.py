from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgekit.core.errors import SetupError, UsageError
from edgekit.links.files import read_text, write_atomic


def test_text_that_no_encoding_holds_is_written_with_a_mark_in_its_place(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a.json", '"half a pair: \ud800"')
    assert (tmp_path / "a.json").read_text() == '"half a pair: ?"'


def test_a_refused_file_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "it's a file").write_text("")
    with pytest.raises(SetupError) as caught:
        write_atomic(tmp_path / "it's a file" / "x" / "y.json", "")
    assert caught.value.code == "output.unwritable"
    assert [path.name for path in tmp_path.iterdir()] == ["it's a file"]


def test_advice_about_a_file_can_be_pasted_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "it's; rm -r .toml").mkdir()
    with pytest.raises(UsageError) as caught:
        read_text(tmp_path / "it's; rm -r .toml", "scenario")
    assert caught.value.code == "file.folder"
    assert caught.value.do[0][1] == f"ls '{tmp_path}/it'\"'\"'s; rm -r .toml'"


def test_a_byte_order_mark_is_no_text_and_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(b"\xef\xbb\xbfrate = 1\r\n")
    assert read_text(path, "scenario", most_bytes=100) == "rate = 1\n"
    with pytest.raises(UsageError) as caught:
        read_text(path, "scenario", most_bytes=10)
    assert caught.value.code == "file.large"


def test_what_is_no_ordinary_file_is_not_replaced_by_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(SetupError) as caught:
        write_atomic(pipe, "text")
    assert (caught.value.code, pipe.is_fifo(), list(tmp_path.iterdir())) == ("output.unwritable", True, [pipe])
