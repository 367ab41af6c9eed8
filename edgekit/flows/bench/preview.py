"""Say what `edgekit bench` would do: the artifacts are looked at, no device is opened, and nothing is written."""

from __future__ import annotations

from edgekit.flows.bench.functions import with_functions
from edgekit.flows.bench.inputs import open_subject
from edgekit.flows.bench.limit import require_time
from edgekit.flows.bench.outline import Outline, outline
from edgekit.flows.bench.plan import BenchRequest, plan
from edgekit.flows.bench.possible import require_possible
from edgekit.flows.bench.sync import growth


def preview(request: BenchRequest, *, kind: str) -> Outline:
    """Return the steps of a benchmark on a device of `kind` and how long they take; raise UsageError or ModelError as it would itself."""
    subjects = [open_subject(path) for path in request.artifacts]
    planned = with_functions(plan(request, kind=kind), request)
    require_possible(planned.run, request, kind=kind)
    require_time(planned, request)
    return outline(planned, [subject.path.name for subject in subjects], grows=growth(planned, request))
