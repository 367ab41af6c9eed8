"""Every error says what, why and what to do, under a code that the troubleshooting page explains."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgekit.cli.errors import as_text
from edgekit.core import errors
from edgekit.core.errors import EdgekitError, UsageError, missing_extra, missing_file, unknown_name
from tests.conftest import REPOSITORY

EXIT_CODES = {
    "UsageError": 2,
    "GateError": 3,
    "HardwareError": 4,
    "ModelError": 5,
    "SetupError": 6,
    "InconclusiveError": 7,
    "InterruptedRun": 130,
}


@pytest.mark.parametrize(("name", "code"), EXIT_CODES.items())
def test_each_kind_of_error_has_its_exit_code(name: str, code: int) -> None:
    assert getattr(errors, name).exit_code == code


def test_an_error_reads_like_a_conversation() -> None:
    error = UsageError(
        "meter um25c sent nothing for 3.0 s",
        code="meter.silent",
        why="/dev/rfcomm0 opened, 0 bytes of 130 received",
        do=[("switch the meter on and connect it:", "bluetoothctl connect AA:BB"), ("or list what is present:", "edgekit meters --all")],
    )
    assert as_text(error) == (
        "error: meter um25c sent nothing for 3.0 s\n"
        "  why  /dev/rfcomm0 opened, 0 bytes of 130 received\n"
        "  do   switch the meter on and connect it:   bluetoothctl connect AA:BB\n"
        "       or list what is present:              edgekit meters --all\n"
        "  more docs/troubleshooting.md#meter-silent   [meter.silent]\n"
    )


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    error = unknown_name("recipe", "int9", ["int8", "fp16", "int16"], list_command="edgekit convert --help")
    assert error.code == "recipe.unknown"
    assert error.why == "known: fp16, int16, int8"
    assert error.do[0][0].startswith("did you mean int")
    assert error.do[-1] == ("list every recipe:", "edgekit convert --help")


def test_a_missing_extra_names_the_command_that_installs_it() -> None:
    error = missing_extra("tensorflow", "convert", "converting a Keras model")
    assert (error.exit_code, error.do[0][1]) == (6, 'pip install "edgekit[convert]" -c constraints.txt')
    assert missing_file("x.keras", "model").exit_code == 2


def codes_in(path: Path) -> Iterator[str]:
    """Return every code given to an error in one module: `code="a.b"`, and f-strings as patterns."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and raises(node):
            for keyword in node.keywords:
                if keyword.arg == "code":
                    yield from literals(keyword.value)


def raises(call: ast.Call) -> bool:
    name = call.func.id if isinstance(call.func, ast.Name) else call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return name in {*EXIT_CODES, "EdgekitError"}


def literals(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.Constant):
        yield str(value.value)
    elif isinstance(value, ast.IfExp):
        yield from literals(value.body)
        yield from literals(value.orelse)


USED = sorted(
    {code for path in (REPOSITORY / "edgekit").rglob("*.py") for code in codes_in(path)}
    | {"command.unknown", "device.unknown", "meter.unknown"}
)
PAGE = REPOSITORY / "docs" / "troubleshooting.md"


@pytest.mark.parametrize("code", USED)
def test_every_code_is_explained_on_the_troubleshooting_page(code: str) -> None:
    assert re.search(rf"^### {re.escape(code.replace('.', '-'))}$", PAGE.read_text(), re.MULTILINE)


def test_every_code_is_a_word_with_a_subject() -> None:
    assert [code for code in USED if not re.fullmatch(r"bug|[a-z]+\.[a-z0-9_]+", code)] == []


def test_the_base_error_is_a_bug() -> None:
    assert EdgekitError.exit_code == 1
