"""Build small run records: an edge run that was estimated or measured, a cloud run, emulated ones."""

from __future__ import annotations

from dataclasses import replace

from edgekit.core.artifact import ModelArtifact, SourceModel, TensorSpec, Verification
from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.quantity import BudgetTerm, Estimate, Origin, Quality, Quantity, Unknown
from edgekit.core.run import Analysis, ChannelAnalysis, LoadTiming, OperatorEnergy, RunPlan, RunRecord, RunStatus, TrainingRecord

FAMILY = "f4" * 32
WEIGHTS = "ab" * 32


def estimate(
    value: float, spread: float, unit: str, origin: Origin, *, boundary: Boundary | None = None, budget=(), n: int = 10
) -> Estimate:
    return Estimate(
        value=value,
        low=value * (1 - spread),
        high=value * (1 + spread),
        unit=unit,
        origins=(origin,),
        boundary=boundary,
        n=n,
        budget=tuple(budget),
        quality=Quality.GOOD if origin is Origin.MEASURED else Quality.CAVEATS,
    )


def artifact(
    model: str = "digits_cnn", recipe: str = "int8", form: str = "tflite", *, accuracy: float | None = 0.98, **changes
) -> ModelArtifact:
    seen = (
        estimate(accuracy, 0.01, "1", Origin.MEASURED) if accuracy is not None else Unknown(reason="no labelled data was given", unit="1")
    )
    made = ModelArtifact(
        path=f"{model}.{recipe}.{form}",
        sha256="c0" * 32,
        size_bytes=18_904 if recipe == "int8" else 61_208,
        format=form,
        recipe=recipe,
        scheme_requested=recipe,
        scheme_achieved=recipe,
        source=SourceModel(
            path=f"{model}.keras", sha256="5e" * 32, format="keras", family=FAMILY, weights_sha256=WEIGHTS, parameters=13_706, name=model
        ),
        inputs=(TensorSpec(name="image", shape=(1, 8, 8, 1), dtype="float32"),),
        outputs=(TensorSpec(name="digit", shape=(1, 10), dtype="float32"),),
        status="verified",
        verification=Verification(passed=True, checks=(), sqnr_db=31.4, top1_agreement=0.995, samples=360, accuracy=seen),
        tools={"tensorflow": "2.21.0"},
    )
    return replace(made, **changes)


def run(
    run_id: str,
    *,
    joules: float,
    spread: float = 0.05,
    origin: Origin = Origin.MEASURED,
    boundary: Boundary = Boundary.CPU_PACKAGE,
    device: str = "local",
    meter: str = "rapl",
    seconds: float = 2e-6,
    idle_w: float | None = 4.0,
    batch: int = 1,
    quick: bool = False,
    model: ModelArtifact | None = None,
    budget: tuple[BudgetTerm, ...] | None = None,
    gpu: str | None = None,
    session: str = "s1",
) -> RunRecord:
    terms = (
        (
            BudgetTerm(name="repeatability", kind="A", u=joules * spread / 4, shrink="more windows, or a quieter machine"),
            BudgetTerm(
                name="gain", kind="B", u=joules * spread / 2, instrument=f"{meter}:1", shrink="a meter with a better stated accuracy"
            ),
        )
        if budget is None
        else budget
    )
    gross = estimate(joules, spread, "J", origin, boundary=boundary, budget=terms)
    idle: Quantity = Unknown(reason="a CPU-time estimate sees busy time only, never idle power", unit="W", boundary=boundary)
    net: Quantity = Unknown(reason="idle power is unknown", unit="J", boundary=boundary)
    if idle_w is not None:
        idle = estimate(idle_w, spread, "W", origin, boundary=boundary)
        net_value = joules - idle_w * seconds
        net = Estimate(
            value=net_value,
            low=net_value - joules * spread,
            high=net_value + joules * spread,
            unit="J",
            origins=(origin,),
            boundary=boundary,
        )
    channel = Channel(
        id=f"{meter}0", meter=meter, boundary=boundary, measurand=Measurand.ENERGY_COUNTER, unit="J", origin=origin, scale=1e-6, quantum=1.0
    )
    clock = Origin.EMULATED if origin is Origin.EMULATED else Origin.MEASURED
    return RunRecord(
        id=run_id,
        session=session,
        created="2026-05-04T10:00:00Z",
        status=RunStatus.COMPLETE,
        artifact=model or artifact(),
        device=DeviceSpec(name=device, kind=device),
        plan=RunPlan(
            windows=3 if quick else 10,
            window_s=1.0 if quick else 10.0,
            min_inferences=10,
            idle_s=5,
            warmup_s=1,
            cooldown_s=0,
            batch=batch,
            quick=quick,
        ),
        meters=(
            MeterSpec(
                kind=meter, channels=(channel,), accuracy=Accuracy(source="maker's data sheet", gain_rel=spread / 2), detail="package-0"
            ),
        ),
        traces=(),
        windows=(),
        facts_before=DeviceFacts(
            model="Test board", cpu="Cortex-A76", arch="aarch64", cores=4, os="Debian 12", engine="litert", engine_version="2.1", gpu=gpu
        ),
        load=LoadTiming(load_s=0.012, first_inference_s=0.0004),
        tool={"edgekit": "0.1.0"},
        analysis=Analysis(
            energy_j_per_inference=gross,
            channel=f"{meter}0",
            channels=(
                ChannelAnalysis(
                    channel=f"{meter}0",
                    boundary=boundary,
                    energy_j_per_inference=gross,
                    net_j_per_inference=net,
                    idle_w=idle,
                    mean_w=estimate(joules / seconds, spread, "W", origin, boundary=boundary),
                    window_j=(joules * 1e6,),
                    coverage=1.0,
                ),
            ),
            time_s_per_inference=estimate(seconds, 0.02, "s", clock),
            latency_p50_s=estimate(seconds, 0.02, "s", clock),
            latency_p90_s=estimate(seconds * 1.1, 0.02, "s", clock),
            latency_p99_s=estimate(seconds * 1.5, 0.02, "s", clock),
            inferences=1_000_000,
            sampler_cpu_share=estimate(0.01, 0.0, "1", clock),
        ),
    )


def edge_estimated(run_id: str = "20260504-edge-int8-a1", **changes) -> RunRecord:
    settings = {"joules": 2.1e-5, "spread": 0.6, "origin": Origin.ESTIMATED, "meter": "cputime", "idle_w": None, "quick": True}
    return run(run_id, **{**settings, **changes})


def edge_rapl(run_id: str = "20260504-edge-int8-b2", **changes) -> RunRecord:
    return run(run_id, **{"joules": 3.0e-5, **changes})


def edge_wall(run_id: str = "20260504-pi-wall-c3", **changes) -> RunRecord:
    settings = {"joules": 3.36, "boundary": Boundary.WALL, "meter": "plug", "device": "pi", "seconds": 0.588, "idle_w": 3.06}
    return run(run_id, **{**settings, **changes})


def cloud_gpu(run_id: str = "20260420-h100-fp32-d4", **changes) -> RunRecord:
    settings = {
        "joules": 1.9e-3,
        "spread": 0.04,
        "boundary": Boundary.GPU_BOARD,
        "meter": "nvml",
        "device": "cuda",
        "seconds": 1.8e-5,
        "idle_w": 68.0,
        "gpu": "NVIDIA H100 80GB HBM3",
        "model": artifact(recipe="fp32", form="onnx"),
    }
    return run(run_id, **{**settings, **changes})


def edge_emulated(run_id: str = "20260504-sim-int8-e5", **changes) -> RunRecord:
    return run(run_id, **{"joules": 3.0e-5, "origin": Origin.EMULATED, "meter": "sim", "device": "sim", **changes})


def training(**changes) -> TrainingRecord:
    made = TrainingRecord(
        model="digits_cnn",
        created="2026-05-04T09:58:00Z",
        source="digits_cnn.keras",
        source_sha256="5e" * 32,
        family=FAMILY,
        energy_j=estimate(310.0, 0.6, "J", Origin.ESTIMATED, boundary=Boundary.CPU_PACKAGE),
        duration_s=21.0,
        meter=None,
        facts=DeviceFacts(cpu="Cortex-A76"),
    )
    return replace(made, **changes)


def profiled(record: RunRecord, *, operators: int = 20) -> RunRecord:
    """Return a run whose operators were timed: the first takes half of the time, each next one half of what is left."""
    analysis = record.analysis
    assert analysis is not None
    total = analysis.energy_j_per_inference
    assert isinstance(total, Estimate)
    shares = [0.5**place for place in range(1, operators + 1)]
    kinds = ["Conv", "DepthwiseConv", "Relu"]
    found = [
        OperatorEnergy(
            name=f"model/block_{place}/expand_relu/BatchNorm_{place}" if place < operators else "outside operators",
            kind=kinds[place % 3] if place < operators else "outside",
            share=share,
            energy_j_per_inference=Estimate(
                value=total.value * share,
                low=total.value * share * 0.4,
                high=total.value * share * 1.5,
                unit="J",
                boundary=total.boundary,
                origins=(*total.origins, *(() if Origin.ESTIMATED in total.origins else (Origin.ESTIMATED,))),
                n=total.n,
                quality=Quality.CAVEATS,
                budget=(BudgetTerm(name="power within an inference", kind="B", u=total.value * share * 0.3),),
            ),
        )
        for place, share in enumerate([*shares, 1 - sum(shares)])
    ]
    return replace(record, analysis=replace(analysis, operators=tuple(found), attribution="Times: a profiler. Joules: shares of time."))
