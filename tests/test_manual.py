"""Hold the manual against the program: every page is found, every link leads somewhere, every option and line of a scenario exists."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from edgekit.cli.commands import COMMANDS, load
from edgekit.decision.constants.pack import load_constants
from edgekit.decision.scenario.fields import FIELDS
from edgekit.decision.scenario.read import parse_scenario
from tests.conftest import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = sorted((*REPOSITORY.glob("*.md"), *DOCS.rglob("*.md"), REPOSITORY / "tests" / "instruments" / "README.md"))
DECIDING = [DOCS / f"{name}.md" for name in ("scenario", "report", "verdict", "accounting", "popular-figures")]
CONSTANTS = load_constants(files("edgekit.decision.constants").joinpath("constants.toml").read_text(encoding="utf-8"))
KEYS = {entry.key for entry in FIELDS}


def prose(page: Path) -> str:
    """Return a page without its code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Yield (file, anchor) of every link of a page that leads into the repository."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield ((page.parent / path).resolve() if path else page), anchor


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    found = re.findall(r"^#+ +(.+?) *$", prose(page), flags=re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in found)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain} | set(
        re.findall(r'<a (?:id|name)="([^"]+)"', page.read_text(encoding="utf-8"))
    )


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    dead = []
    for page in PAGES:
        for target, anchor in links(page):
            if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
                dead.append(f"{page.relative_to(REPOSITORY)}: {target.name}#{anchor}")
    assert dead == []


def test_every_page_of_the_manual_is_found_from_the_readme() -> None:
    found, todo = set(), [REPOSITORY / "README.md"]
    while todo:
        page = todo.pop()
        if page in found or page.suffix != ".md" or not page.is_file():
            continue
        found.add(page)
        todo += [target / "README.md" if target.is_dir() else target for target, _ in links(page)]
    lost = [page for page in DOCS.rglob("*.md") if page not in found and page.parent.name != "decisions" and page.name != "report.md"]
    assert [str(page.relative_to(REPOSITORY)) for page in lost] == []


def test_the_tables_of_a_scenario_hold_every_line_and_no_other() -> None:
    line = r"^\| `([\w.]+) = (.+?)` \| (.+?) \| (.+?) \| (.+?) \|$"
    rows = re.findall(line, (DOCS / "scenario.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    documented = {key: (example, unit, default, about) for key, example, unit, default, about in rows if key in KEYS or "." not in key}
    assert {entry.key: (entry.example, entry.about) for entry in FIELDS} == {
        key: (example, about) for key, (example, _, _, about) in documented.items()
    }
    for entry in FIELDS:
        _, unit, default, _ = documented[entry.key]
        assert all(choice in unit for choice in entry.choices), entry.key
        stated = "false" if entry.default is False else f"{entry.default:g}" if isinstance(entry.default, float) else str(entry.default)
        assert default.startswith("none") or entry.default is None or default.startswith(stated), entry.key


def test_every_line_that_the_manual_names_exists() -> None:
    tables = {key.partition(".")[0] for key in KEYS if "." in key} - {"name"}
    named = re.compile(rf"`((?:{'|'.join(sorted(tables))})\.[a-z_]+)(?: =[^`]*)?`")
    for page in (*DECIDING, *DOCS.glob("examples/**/*.md"), REPOSITORY / "README.md"):
        unknown = set(named.findall(prose(page))) - KEYS
        assert {name for name in unknown if not name.endswith((".md", ".toml", ".py", ".json"))} == set(), page.name


@pytest.mark.parametrize("page", DECIDING, ids=lambda page: page.stem)
def test_every_scenario_that_the_manual_shows_can_be_read(page: Path) -> None:
    shown = re.findall(r"^```toml\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for text in shown:
        tomllib.loads(text)
        assert parse_scenario(text, where=page.name, constants=CONSTANTS).given
    assert shown or page.stem not in ("scenario", "report")


def test_the_method_lists_every_published_number_as_it_is_used() -> None:
    page = " ".join((DOCS / "accounting.md").read_text(encoding="utf-8").split())
    own = {name: item for name, item in CONSTANTS.items() if not name.startswith("grid_")}
    rows = {name: f"| `{name}` | {item.shown} | {item.year} | {item.evidence} | {item.source} |" for name, item in own.items()}
    assert [name for name, row in rows.items() if row not in page] == []
    assert [name for name, item in CONSTANTS.items() if name not in own and f"{name[5:]} {item.shown.split()[0]}" not in page] == []


def test_every_option_that_the_manual_gives_a_command_exists() -> None:
    known = {name: options(load(name, markup=None)) for name in COMMANDS}
    wrong = []
    for page in PAGES:
        for name, rest in re.findall(r"(?<![\w/.-])edgekit ([a-z]+)\b([^`|\n\"']*)", page.read_text(encoding="utf-8")):
            own = re.split(r"\s{3,}|  #|;|: |\. ", rest)[0]
            used = {word.strip(".,:)(*").split("=")[0] for word in own.split() if word.startswith("--")}
            wrong += [f"{page.name}: edgekit {name} {word}" for word in used - known.get(name, used) - {"--help"}]
    assert wrong == []


def options(command: Any) -> set[str]:
    """Return the options of a command and of its subcommands."""
    own = {name for item in command.params for name in (*item.opts, *item.secondary_opts)}
    return own.union(*(options(inner) for inner in getattr(command, "commands", {}).values()))
