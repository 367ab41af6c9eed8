"""Find the environments of tools that `make test` makes, or skip with the reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgekit.core.errors import EdgekitError
from edgekit.environments import Environment, find, known
from edgekit.environments.pythons import choose
from edgekit.links.shell import LocalShell
from tests.conftest import REPOSITORY

# The data folder they were made in. A developer who made them elsewhere names it.
TOOLS = Path(os.environ.get("EDGEKIT_TEST_TOOLS") or REPOSITORY / ".venv-tools")


def tool(name: str) -> Environment:
    """Return an environment of `edgekit env list`; skip where it is not there: because no Python fits, or because nobody made it."""
    found = find(name, TOOLS)
    if found is not None:
        return found
    wanted = known()[name]
    try:
        choose(wanted, named=None, shell=LocalShell())
    except EdgekitError:
        pytest.skip(f"no {wanted.wanted_python} for {name}")
    pytest.skip(f"the environment {name} is not made: make tools")
