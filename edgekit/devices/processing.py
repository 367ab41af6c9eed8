"""Bring the user's functions to the machine that runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit.core.run import RunPlan
from edgekit.links.shell import Shell


def shipped(plan: RunPlan, shell: Shell) -> dict[str, Any]:
    """Return what a runner is told of the plan's functions: where their files and raw inputs are on its machine."""
    told: dict[str, Any] = {
        role: {"file": shell.put(Path(named.file)), "function": named.function}
        for role, named in (("pre", plan.pre), ("post", plan.post))
        if named is not None
    }
    return told | ({"raw": shell.put(Path(plan.raw))} if plan.raw is not None else {})
