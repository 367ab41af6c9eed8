"""Benchmark artifacts on a device with a meter: plan (pure) -> conduct (effects) -> analyse (pure).

    idle -> warm-up -> N x (measure A, cool-down, measure B, cool-down, ...) -> idle

Windows of several artifacts are interleaved, so that slow drift touches all of them alike. Each artifact gets its own run record.
"""

from edgekit.flows.bench.dropped import Dropped
from edgekit.flows.bench.flow import BenchResult, bench, reanalyse, reanalyse_command
from edgekit.flows.bench.outline import Outline, PlannedStep
from edgekit.flows.bench.plan import BenchRequest
from edgekit.flows.bench.preview import preview

__all__ = ["BenchRequest", "BenchResult", "Dropped", "Outline", "PlannedStep", "bench", "preview", "reanalyse", "reanalyse_command"]
