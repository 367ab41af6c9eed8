"""Hold a request against what exists, before anything is opened: reaching a device may take long."""

from __future__ import annotations

from edgekit.core.run import RunPlan
from edgekit.devices.board_limits import require_one, require_plain
from edgekit.flows.bench.plan import BenchRequest
from edgekit.flows.bench.preparing import unpreparable
from edgekit.metering import require_known


def require_possible(run: RunPlan, request: BenchRequest, *, kind: str) -> None:
    """Raise UsageError for a meter that does not exist, and for what a board cannot be told because its model is part of its firmware."""
    require_known(request.meters)
    if kind != "board":
        return
    name = request.device.partition(":")[0]
    require_one([str(path) for path in request.artifacts], name)
    require_plain(run, name, request.device)
    if request.prepare:
        raise unpreparable(name, kind)
