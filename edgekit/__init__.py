"""edgekit: should this model run on the device or in the cloud?"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    from importlib import import_module

    return getattr(import_module("edgekit.api"), name)
