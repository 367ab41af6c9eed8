"""The shape of the project: floors, file sizes, lazy imports. A broken rule fails here before anyone has to argue about it."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, clean_environment

PACKAGE = REPOSITORY / "edgekit"
BIN = Path(sys.executable).parent
SOFT_LINES, HARD_LINES = 200, 350
HEAVY = ("numpy", "tensorflow", "onnx", "onnxruntime", "pyarrow", "pydantic", "pint", "altair", "jinja2", "torch", "sklearn")


def sources(folder: Path = PACKAGE) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*.py")) if "_bundled" not in path.parts)


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = clean_environment({"PYTHONPATH": str(folder)})
    return subprocess.run([BIN / "lint-imports", "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copy_of_the_package(tmp_path: Path) -> Path:
    shutil.copytree(PACKAGE, tmp_path / "edgekit", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_floor_imports_only_from_below(copy_of_the_package: Path) -> None:
    done = lint_imports(copy_of_the_package)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("core/units.py", "import edgekit.links.clock", "Floors"),
        ("energy/uncertainty/stats.py", "import edgekit.decision.scenario.read", "Floors"),
        ("decision/scenario/read.py", "import subprocess", "Pure floors"),
        ("flows/devices.py", "import edgekit.flows.meters", "Flows hand over files"),
        ("runner/wire.py", "import edgekit.core.units", "The runner imports nothing"),
        ("devices/local.py", "import edgekit.runner.main", "Nobody imports the package root or the runner"),
    ],
)
def test_a_broken_floor_is_noticed(copy_of_the_package: Path, module: str, line: str, contract: str) -> None:
    broken = copy_of_the_package / "edgekit" / module
    broken.write_text(broken.read_text().replace("from __future__ import annotations", f"from __future__ import annotations\n\n{line}", 1))
    done = lint_imports(copy_of_the_package)
    assert done.returncode == 1
    failed = [row for row in done.stdout.splitlines() if " BROKEN" in row]
    assert any(row.startswith(contract) for row in failed), done.stdout


def test_files_stay_small_enough_to_read_at_once(record_property: pytest.RecordProperty) -> None:
    lines = {path.relative_to(REPOSITORY): len(path.read_text().splitlines()) for path in sources()}
    long = {str(path): count for path, count in lines.items() if count > SOFT_LINES}
    record_property("over_soft_budget", str(long))
    sys.stdout.write("".join(f"over {SOFT_LINES} lines: {path} ({count})\n" for path, count in long.items()))
    assert {path: count for path, count in long.items() if count > HARD_LINES} == {}


def test_no_module_hides_behind_a_name_that_says_nothing() -> None:
    empty = re.compile(r"(utils?|helpers?|managers?|common|misc)")
    assert [str(path) for path in sources() if any(empty.fullmatch(part) for part in (*path.parent.parts[-2:], path.stem))] == []


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


@pytest.mark.slow
def test_click_is_never_imported_because_typer_bundles_its_own() -> None:
    assert [str(path) for path in sources() if any(name.split(".")[0] == "click" for name in imported(path))] == []


def test_nobody_imports_the_package_root() -> None:
    assert [str(path) for path in sources() if "edgekit" in imported(path)] == []


def test_copyleft_packages_are_never_imported() -> None:
    refused = {"ppk2_api", "jtop", "kasa", "unicorn", "boaviztapi"}
    assert [str(path) for path in sources() if refused & {name.split(".")[0] for name in imported(path)}] == []


def test_nothing_names_a_folder_of_one_machine() -> None:
    place = re.compile(r"(?<![\w.])/(work|home|Users|root)/\w")
    texts = [
        *sources(),
        *REPOSITORY.glob("*.md"),
        *REPOSITORY.glob("docs/**/*.md"),
        REPOSITORY / "Makefile",
        *sources(REPOSITORY / "tests"),
    ]
    texts.remove(Path(__file__).resolve())
    assert [str(path) for path in texts if place.search(path.read_text())] == []


def test_public_things_say_what_they_do() -> None:
    done = subprocess.run(
        [BIN / "ruff", "check", "--select", "D100,D101,D102,D103", "--quiet", PACKAGE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_runner_runs_on_python_3_9() -> None:
    command = [BIN / "vermin", "--target=3.9-", "--no-tips", "--violations", "--eval-annotations", PACKAGE / "runner"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("args", [["--help"], ["--help", "--style", "rich"]])
def test_help_loads_nothing_heavy(args: list[str], tmp_path: Path) -> None:
    program = (
        "import sys; from edgekit.cli.app import main; code = main(sys.argv[1:]); sys.stdout.flush(); "
        "sys.stderr.write(' '.join(sorted({name.split('.')[0] for name in sys.modules}))); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *args], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    loaded = done.stderr.split()
    assert "typer" in loaded
    assert [name for name in HEAVY if name in loaded] == []
