"""Benchmark at several batches, and show what each of them costs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from edgekit.cli.output import current

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.flows.bench import BenchRequest


def sweep(request: BenchRequest, sizes: Sequence[int]) -> None:
    """Benchmark at each batch of `sizes`, and print one row for each."""
    from edgekit.config import load
    from edgekit.flows.bench.sweep import sweep as measure
    from edgekit.links.clock import SystemClock
    from edgekit.registry import open_device, resolve_device
    from edgekit.reports.batches import batch_notes, batches_table

    device = open_device(resolve_device(request.device, load()))
    result = measure(request, sizes, device=device, progress=current().progress, date=SystemClock())
    ended = result.ended
    compare = ["edgekit", "compare", result.tag, "--runs", str(result.runs_dir)]
    current().result(
        schema="edgekit.bench/1",
        data={"runs": result.runs, "runs_dir": str(result.runs_dir), "tag": result.tag, "ended": ended, "dropped": result.dropped},
        text=batches_table(result.runs, [(ended.batch, ended.what)] if ended is not None else []),
        next_commands=[
            ("choose the batch that serves a rate:", shlex.join([*compare, "--rate", "100/s", "--latency-limit", "50ms"])),
            ("compare the batches:", shlex.join(compare)),
        ],
        notes=[*result.notes, *batch_notes(result.runs)],
        status="partial" if result.absent else "ok",
        exit_code=result.absent[0].exit_code if result.absent else 0,
    )
