"""The front door: exit codes, one JSON document, errors that say what to do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.cli.commands import COMMANDS
from edgekit.cli.errors import with_advice
from edgekit.core.errors import UsageError
from tests.conftest import Completed, clean_environment

Run = Callable[..., Completed]


def test_help_lists_every_command_with_its_purpose(run_edgekit: Run) -> None:
    done = run_edgekit("--help")
    assert done.returncode == 0
    for name, entry in COMMANDS.items():
        assert re.search(rf"^ +{name} +{re.escape(entry.help.split()[0])}", done.stdout, re.MULTILINE), name
    assert done.stderr == ""


def test_help_is_drawn_with_boxes_when_asked_for(run_edgekit: Run) -> None:
    assert "╭" in run_edgekit("--style", "rich", "--help").stdout
    assert "╭" not in run_edgekit("--help").stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_takes_the_global_options(run_edgekit: Run, name: str) -> None:
    done = run_edgekit(name, "--help")
    assert done.returncode == 0, done.stderr
    for option in ("--json", "--style", "--verbose"):
        assert option in done.stdout


def test_nothing_to_do_is_a_usage_error_with_help(run_edgekit: Run) -> None:
    done = run_edgekit()
    assert (done.returncode, done.stdout) == (2, "")
    assert "convert" in done.stderr


def test_a_misspelt_command_is_told_the_right_one(run_edgekit: Run) -> None:
    done = run_edgekit("conver", "x.keras")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == "error: no command is called 'conver'"
    assert "did you mean convert?" in done.stderr
    assert done.stderr.splitlines()[-1] == "  more docs/troubleshooting.md#command-unknown   [command.unknown]"


def test_a_misspelt_option_is_told_the_right_one(run_edgekit: Run) -> None:
    done = run_edgekit("devices", "--al")
    assert done.returncode == 2
    assert "did you mean --all?" in done.stderr
    assert "edgekit devices --help" in done.stderr


USAGE_ERRORS = {
    "usage.option": ["devices", "--al"],
    "usage.value": ["--style", "loud", "doctor"],
    "usage.missing": ["devices", "add", "pi"],
    "usage.arguments": ["doctor", "now"],
    "command.unknown": ["docter"],
    "device.unknown": ["meters", "--device", "locl"],
}


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("code", USAGE_ERRORS)
def test_usage_errors_are_one_json_document_wherever_json_is_asked_for(run_edgekit: Run, code: str, place: str) -> None:
    args = ["--json", *USAGE_ERRORS[code]] if place == "before" else [*USAGE_ERRORS[code], "--json"]
    done = run_edgekit(*args)
    assert done.returncode == 2
    document = done.json()
    assert (document["schema"], document["status"], document["notes"]) == ("edgekit.error/1", "error", [])
    assert document["data"]["code"] == code
    assert document["data"]["do"], "an error says what to do next"
    assert all(set(step) == {"advice", "command"} for step in document["data"]["do"])


def test_json_can_come_from_the_environment(run_edgekit: Run) -> None:
    assert run_edgekit("docter", env={"EDGEKIT_JSON": "1"}).json()["data"]["code"] == "command.unknown"
    assert run_edgekit("doctor", env={"EDGEKIT_JSON": "1"}).json()["schema"] == "edgekit.doctor/1"


def test_an_option_of_a_command_can_come_from_the_environment(run_edgekit: Run) -> None:
    done = run_edgekit("meters", "--json", env={"EDGEKIT_METERS_DEVICE": "sim"})
    assert done.json()["data"]["device"] == "sim"


def test_a_value_that_looks_like_a_global_option_stays_a_value(run_edgekit: Run) -> None:
    done = run_edgekit("devices", "add", "me", "local:", "--option", "--json")
    assert done.returncode == 2
    assert "'--json' is not an option of a device" in done.json()["data"]["what"]


def test_words_after_two_dashes_are_never_options(run_edgekit: Run) -> None:
    done = run_edgekit("devices", "add", "--", "pi", "--json")
    assert done.returncode == 2
    assert "'--json' is not the address of a device" in done.stderr
    assert done.stdout == ""


def test_the_version_is_printed_and_is_data_too(run_edgekit: Run) -> None:
    text = run_edgekit("--version").stdout
    assert re.fullmatch(r"edgekit \d+\.\d+\.\d+\S*\n", text)
    assert f"edgekit {run_edgekit('--version', '--json').json()['data']['edgekit']}\n" == text


@pytest.mark.parametrize("args", [["--help"], ["doctor"], ["--version", "--json"]])
def test_a_reader_that_left_is_no_error(tmp_path: Path, args: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "edgekit", *args]
    done = subprocess.run(command, cwd=tmp_path, env=clean_environment(), stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.returncode == 0
    assert "Error" not in done.stderr


def run_program(program: str, *args: str, cwd: Path) -> Completed:
    done = subprocess.run(
        [sys.executable, "-c", program, *args], cwd=cwd, env=clean_environment(), capture_output=True, text=True, check=False
    )
    return Completed(done.returncode, done.stdout, done.stderr)


COMMAND_THAT = """
import sys, types
from edgekit.cli import commands
from edgekit.cli.app import main
from edgekit.cli.output import current
module = types.ModuleType("tests_only")
def act() -> None:
    "Act."
    {body}
module.act = act
sys.modules["tests_only"] = module
commands.COMMANDS["act"] = commands.Entry("tests_only", "act", "Tests", "Act.")
sys.exit(main())
"""


def acting(body: str) -> str:
    return COMMAND_THAT.format(body=body)


def test_a_bug_says_so_and_keeps_its_traceback_for_verbose(tmp_path: Path) -> None:
    program = acting("raise ZeroDivisionError('no')")
    done = run_program(program, "act", cwd=tmp_path)
    assert done.returncode == 1
    assert "error: this is a bug in edgekit" in done.stderr
    assert "ZeroDivisionError: no" in done.stderr
    assert "Traceback" not in done.stderr
    assert "edgekit -v act" in done.stderr
    assert "Traceback" in run_program(program, "-v", "act", cwd=tmp_path).stderr
    assert run_program(program, "act", "--json", cwd=tmp_path).json()["data"]["code"] == "bug"


IN_A_FINALIZER = (
    "import os, signal, time; hit = lambda self: (os.kill(os.getpid(), signal.SIGINT), time.sleep(0.01)); "
    "type('Late', (), {'__del__': hit})(); time.sleep(30); raise ZeroDivisionError('Python dropped it')"
)


@pytest.mark.parametrize(
    "how",
    [
        "raise KeyboardInterrupt",
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM); import time; time.sleep(30)",
        IN_A_FINALIZER,
    ],
    ids=["raised", "killed", "in a finalizer"],
)
def test_being_stopped_ends_with_130_and_one_document(tmp_path: Path, how: str) -> None:
    done = run_program(acting(how), "--json", "act", cwd=tmp_path)
    assert done.returncode == 130
    assert done.json()["data"]["code"] == "run.interrupted"
    assert "Traceback" not in done.stderr


def test_pressing_ctrl_c_again_does_not_cut_the_cleaning_up_short(tmp_path: Path) -> None:
    again = "os.kill(os.getpid(), 2); os.kill(os.getpid(), 15); print('tidy', file=sys.stderr)"
    body = f"import os, signal\n    try: os.kill(os.getpid(), 2); signal.pause()\n    finally: {again}"
    done = run_program(acting(body), "--json", "act", cwd=tmp_path)
    assert (done.returncode, done.json()["data"]["code"]) == (130, "run.interrupted")
    assert done.json()["data"]["do"] == [{"advice": "start again:", "command": "edgekit act"}]
    assert "tidy" in done.stderr


ACT = acting("current().progress.step('look'); current().result(schema='edgekit.act/1', data={'n': 'x' * 20000}, text='done')")


@pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full", "2> >(true)", "<&-", "<&- >&- 2>&-", ">&-"])
def test_streams_that_nobody_reads_do_not_end_the_work(tmp_path: Path, closed: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f'"$0" -c "$1" act {closed}; echo "status $?"', sys.executable, ACT],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "status 0" in done.stdout, done.stderr
    assert ("done" in done.stdout) is not (">&-" in closed.replace("2>&-", ""))
    assert not {"Traceback", "ignored"} & set(done.stderr.split())


@pytest.mark.parametrize("args", [["act"], ["act", "--json"], ["atc", "--json"]])
def test_a_full_disk_behind_stdout_is_said_on_stderr(tmp_path: Path, args: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-c", ACT, *args]
        done = subprocess.run(command, cwd=tmp_path, env=clean_environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == (2 if "atc" in args else 6)
    assert ("command.unknown" if "atc" in args else "output.disk_full") in done.stderr
    assert not {"Traceback", "ignored"} & set(done.stderr.split())


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("raise OSError(5, 'Input/output error', 'f')", "system.refused"),
        ("raise OSError(28, 'No space')", "output.disk_full"),
        ("raise MemoryError", "system.memory"),
    ],
)
def test_what_the_system_refuses_is_no_bug(tmp_path: Path, how: str, code: str) -> None:
    done = run_program(acting(how), "--json", "act", cwd=tmp_path)
    assert (done.returncode, done.json()["data"]["code"]) == (6, code)
    assert done.json()["data"]["do"]


def test_an_error_without_advice_of_its_own_says_where_to_look(tmp_path: Path) -> None:
    body = "from edgekit.core.errors import UsageError; raise UsageError('no', code='usage.value')"
    assert run_program(acting(body), "--json", "act", cwd=tmp_path).json()["data"]["do"][0]["command"] == "edgekit act --help"


def test_a_misspelt_command_below_another_is_told_the_right_one(run_edgekit: Run) -> None:
    found = run_edgekit("--json", "models", "buidl").json()["data"]
    assert (found["code"], found["what"]) == ("command.unknown", "edgekit models has no command 'buidl'")
    assert found["do"][0]["advice"] == "did you mean build?"
    assert "edgekit models --help" in [item["command"] for item in found["do"]]


@pytest.mark.parametrize(
    ("args", "path"),
    [
        (["--style", "plain", "meters", "selftest", "--load", "nope"], "meters selftest"),
        (["meters"], "meters"),
        (["bench", "read"], "bench"),
        (["nothing"], ""),
    ],
)
def test_the_place_to_look_is_the_help_of_the_very_command(args: list[str], path: str) -> None:
    (found,) = with_advice(UsageError("no", code="usage.value"), args).do
    assert found[1] == f"edgekit {path} --help".replace("  ", " ")


def test_a_failing_result_is_still_printed_and_sets_the_exit_code(tmp_path: Path) -> None:
    program = acting("current().result(schema='edgekit.act/1', data={'n': 1}, text='one', status='failed', exit_code=3)")
    assert run_program(program, "act", cwd=tmp_path).returncode == 3
    done = run_program(program, "act", "--json", cwd=tmp_path)
    assert done.returncode == 3
    assert done.json() == {"schema": "edgekit.act/1", "status": "failed", "data": {"n": 1}, "notes": []}


def test_a_result_that_is_followed_by_an_error_stays_the_only_document(tmp_path: Path) -> None:
    program = acting("current().result(schema='edgekit.act/1', data={}); raise ValueError('late')")
    done = run_program(program, "act", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert done.json()["schema"] == "edgekit.act/1"
    assert "ValueError: late" in done.stderr


def test_a_result_shows_text_then_the_next_commands_and_keeps_notes_off_stdout(tmp_path: Path) -> None:
    program = acting(
        "from edgekit.core.quantity import Note; current().result(schema='edgekit.act/1', data={}, text='two joules', "
        "next_commands=[('do it:', 'edgekit do'), ('or look:', 'edgekit look')], "
        "notes=[Note(code='a.b', text='mind the gap', advice='jump')])"
    )
    done = run_program(program, "act", cwd=tmp_path)
    assert done.stdout == "two joules\n\nnext\n  do it:     edgekit do\n  or look:   edgekit look\n"
    assert done.stderr == "note: mind the gap\n  do   jump\n"


def test_a_table_in_a_pipe_is_plain_and_one_line_a_row(tmp_path: Path) -> None:
    program = acting(
        "from rich.table import Table; t = Table('name', 'J'); t.add_row('x' * 60, '[1]'); current().result(schema='a/1', data={}, text=t)"
    )
    done = run_program(program, "act", cwd=tmp_path)
    assert [line.split() for line in done.stdout.splitlines()] == [["name", "J"], ["x" * 60, "[1]"]]


def complete(words: str, cwd: Path) -> list[str]:
    environment = clean_environment(
        {"_EDGEKIT_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    )
    done = subprocess.run([sys.executable, "-m", "edgekit"], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    return done.stdout.split()


@pytest.mark.parametrize("columns", ["20", "1", "0", "-5", "x"])
def test_a_table_on_a_narrow_terminal_keeps_its_figures(tmp_path: Path, columns: str) -> None:
    program = acting(
        "from rich.table import Table; table = Table(); table.add_column('artifact'); table.add_column('energy'); "
        "table.add_row('model.int8.tflite', '1.25 mJ per inference'); current().result(schema='edgekit.act/1', data={}, text=table)"
    )
    done = run_program(f"import os; os.environ['COLUMNS'] = '{columns}'\n{program}", "act", cwd=tmp_path)
    assert done.returncode == 0
    assert "model.int8.tflite" in done.stdout
    assert "1.25 mJ" in done.stdout


def test_the_shell_completes_commands_devices_and_survives_a_broken_configuration(tmp_path: Path) -> None:
    assert complete("edgekit dev", tmp_path) == ["devices"]
    (tmp_path / "edgekit.toml").write_text('[devices.pi]\naddress = "ssh://pi@pi.local"\n')
    assert complete("edgekit meters --device ", tmp_path) == ["local", "cuda", "sim", "pi"]
    assert complete("edgekit bench x.tflite --meter sim", tmp_path) == ["sim"]
    (tmp_path / "edgekit.toml").write_text("broken")
    assert complete("edgekit meters --device s", tmp_path) == ["sim"]


def test_progress_goes_to_stderr_and_never_into_the_document(run_edgekit: Run) -> None:
    done = run_edgekit("doctor", "--json")
    json.loads(done.stdout)
    assert "look at this machine" in done.stderr


def test_no_colour_is_written_where_no_terminal_is(run_edgekit: Run) -> None:
    done = run_edgekit("doctor", env={"NO_COLOR": ""})
    assert "\033" not in done.stdout + done.stderr
    assert "\033" in run_edgekit("doctor", "--style", "rich").stdout


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_terminal_gets_colours_unless_no_color_is_set(tmp_path: Path) -> None:
    import pty

    def on_a_terminal(**extra: str) -> str:
        mother, daughter = pty.openpty()
        environment = {**clean_environment({"TERM": "xterm", **extra})}
        if extra.get("NO_COLOR") is None:
            environment.pop("NO_COLOR")
        done = subprocess.Popen(
            [sys.executable, "-m", "edgekit", "docter"], cwd=tmp_path, env=environment, stdout=daughter, stderr=daughter
        )
        os.close(daughter)
        done.wait(60)
        text = os.read(mother, 65536).decode()
        os.close(mother)
        return text

    assert "\033[31;1merror:" in on_a_terminal()
    assert "\033" not in on_a_terminal(NO_COLOR="1")
