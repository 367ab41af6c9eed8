"""Build arbitrary core values, valid by construction."""

from __future__ import annotations

from hypothesis import strategies as st

from edgekit.core.artifact import Check, ModelArtifact, SourceModel, TensorSpec, Verification
from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.quantity import BudgetTerm, Estimate, Note, Origin, Quality, Quantity, Unknown
from edgekit.core.run import Analysis, ChannelAnalysis, LoadTiming, OperatorEnergy, OperatorTiming, Profile, RunPlan, RunRecord, RunStatus
from edgekit.core.trace import ClockMap, TraceFile
from edgekit.core.window import Latency, Phase, Window

finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
positive = st.floats(min_value=1e-12, max_value=1e12)
maybe_share = st.none() | st.floats(0, 1)
maybe_factor = st.none() | st.floats(1, 1e6)
text = st.text(max_size=12)
maybe_text = st.none() | text
nanoseconds = st.integers(min_value=0, max_value=2**61)
origins = st.lists(st.sampled_from(Origin), min_size=1, max_size=3, unique=True).map(tuple)
notes = st.lists(st.builds(Note, code=text, text=text, advice=maybe_text), max_size=2).map(tuple)
terms = st.lists(
    st.builds(BudgetTerm, name=text, kind=st.sampled_from("AB"), u=st.none() | positive, factor=st.none() | positive, reason=maybe_text),
    max_size=2,
).map(tuple)


@st.composite
def estimates(draw: st.DrawFn, unit: str = "J") -> Estimate:
    low, value, high = sorted((draw(finite), draw(finite), draw(finite)))
    return Estimate(
        value=value,
        low=low,
        high=high,
        unit=unit,
        origins=draw(origins),
        boundary=draw(st.sampled_from(Boundary)),
        level=draw(st.sampled_from((0.68, 0.95))),
        n=draw(st.none() | st.integers(0, 1000)),
        quality=draw(st.sampled_from(Quality)),
        budget=draw(terms),
        notes=draw(notes),
    )


def quantities(unit: str = "J") -> st.SearchStrategy[Quantity]:
    unknown = st.builds(
        Unknown,
        reason=text,
        unit=st.just(unit),
        boundary=st.none() | st.sampled_from(Boundary),
        origins=st.just(()) | origins,
        notes=notes,
        value=st.none(),
        low=st.none(),
        high=st.none(),
    )
    return estimates(unit) | unknown


joules, watts, seconds, ratios = quantities("J"), quantities("W"), quantities("s"), quantities("1")
tensors = st.lists(
    st.builds(TensorSpec, name=text, shape=st.lists(st.integers(1, 512), max_size=4).map(tuple), dtype=text, scale=st.none() | positive),
    max_size=2,
).map(tuple)
checks = st.lists(st.builds(Check, name=text, passed=st.booleans(), seen=text, floor=maybe_text, advice=maybe_text), max_size=2).map(tuple)
artifacts = st.builds(
    ModelArtifact,
    source=st.builds(SourceModel, parameters=st.none() | st.integers(0, 10**9), name=maybe_text),
    inputs=tensors,
    outputs=tensors,
    verification=st.none() | st.builds(Verification, checks=checks, sqnr_db=st.none() | finite, accuracy=st.none() | ratios, notes=notes),
    samples=maybe_text,
    tools=st.dictionaries(text, text, max_size=2),
    notes=notes,
)
channels = st.builds(
    Channel,
    unit=st.sampled_from(("J", "W")),
    measurand=st.sampled_from(Measurand),
    scale=positive,
    quantum=st.none() | positive,
    update_period_s=st.none() | positive,
    averaging_s=st.none() | positive,
    sampled_fraction=maybe_share,
    least_sampled_fraction=maybe_share,
)
meters = st.builds(
    MeterSpec,
    channels=st.lists(channels, max_size=2).map(tuple),
    accuracy=st.builds(
        Accuracy, gain_rel=st.none() | positive, gain_factor=maybe_factor, load_factor=maybe_factor, offset_w=st.none() | positive
    ),
    nominal_hz=st.none() | positive,
    effective_hz=st.none() | positive,
    smoothing_s=st.none() | positive,
    max_power_w=positive,
)
latencies = st.builds(
    Latency,
    min_ns=positive,
    max_ns=positive,
    histogram=st.lists(st.tuples(st.integers(0, 600), st.integers(1, 10**9)), max_size=3).map(tuple),
    reservoir_ns=st.lists(positive, max_size=3).map(tuple),
)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    start_ns = draw(nanoseconds)
    return Window(
        phase=draw(st.sampled_from(Phase)),
        index=draw(st.integers(0, 100)),
        clock=draw(text),
        start_ns=start_ns,
        end_ns=start_ns + draw(st.integers(1, 10**12)),
        bracket_ns=draw(nanoseconds),
        inferences=draw(st.none() | st.integers(0, 10**9)),
        latency=draw(st.none() | latencies),
        invalid=draw(maybe_text),
    )


facts = st.builds(
    DeviceFacts,
    cores=st.none() | st.integers(1, 512),
    frequency_hz=st.none() | positive,
    temperature_c=st.none() | finite,
    load_1m=st.none() | positive,
    steal_s=st.none() | positive,
    throttled=st.none() | st.booleans(),
    reasons=st.dictionaries(text, text, max_size=2),
)
plans = st.builds(
    RunPlan,
    window_s=positive,
    idle_s=positive,
    warmup_s=positive,
    cooldown_s=positive,
    sample_hz=positive,
    batch=st.integers(1, 10**6),
    engine=maybe_text,
    quick=st.booleans(),
)
channel_analyses = st.builds(
    ChannelAnalysis,
    energy_j_per_inference=joules,
    net_j_per_inference=joules,
    idle_w=watts,
    mean_w=watts,
    window_j=st.lists(st.none() | finite, max_size=3).map(tuple),
    coverage=st.none() | positive,
)
profiles = st.builds(
    Profile,
    window=st.integers(0, 100),
    invocations=st.integers(1, 10**9),
    operators=st.lists(st.builds(OperatorTiming, time_s=positive, calls=st.integers(0, 10**9)), max_size=2).map(tuple),
    outside_s=positive,
    resolution_s=positive,
    timeline=maybe_text,
)
analyses = st.builds(
    Analysis,
    operators=st.lists(st.builds(OperatorEnergy, share=finite, energy_j_per_inference=joules), max_size=2).map(tuple),
    attribution=maybe_text,
    energy_j_per_inference=joules,
    channels=st.lists(channel_analyses, max_size=2).map(tuple),
    time_s_per_inference=seconds,
    latency_p50_s=seconds,
    latency_p90_s=seconds,
    latency_p99_s=seconds,
    sampler_cpu_share=ratios,
    notes=notes,
)
clock_maps = st.builds(ClockMap, offset_ns=nanoseconds, bracket_ns=nanoseconds, at_ns=nanoseconds, drift=st.floats(-0.1, 0.1))
runs = st.builds(
    RunRecord,
    status=st.sampled_from(RunStatus),
    artifact=artifacts,
    device=st.builds(DeviceSpec, address=maybe_text, options=st.dictionaries(text, text, max_size=2)),
    plan=plans,
    meters=st.lists(meters, max_size=2).map(tuple),
    traces=st.lists(st.builds(TraceFile), max_size=2).map(tuple),
    windows=st.lists(windows(), max_size=3).map(tuple),
    facts_before=facts,
    facts_after=st.none() | facts,
    profile=st.none() | profiles,
    clock_maps=st.lists(clock_maps, max_size=1).map(tuple),
    load=st.none() | st.builds(LoadTiming, load_s=positive, first_inference_s=positive),
    sampler=st.dictionaries(text, finite, max_size=2),
    tool=st.dictionaries(text, text, max_size=2),
    notes=notes,
    analysis=st.none() | analyses,
    tags=st.lists(text, max_size=2).map(tuple),
)
