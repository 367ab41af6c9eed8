from __future__ import annotations

from importlib.resources import files

import pytest

from edgekit.decision.constants.pack import load_constants


@pytest.fixture(scope="session")
def constants():
    return load_constants(files("edgekit.decision.constants").joinpath("constants.toml").read_text(encoding="utf-8"))
