"""Make the worked examples again: `python docs/examples/make.py [FOLDER]` writes inputs, outputs, and the answer on the page of each.

Nobody recorded these runs. Each record re-expresses one published figure (MLPerf, cited in its notes) as a small run record, so that a
verdict can be followed from its inputs; the interval of 5 % is an assumption of the example, for the sources state none.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgekit.api import Silent
from edgekit.core.artifact import ModelArtifact, SourceModel, TensorSpec
from edgekit.core.boundary import Boundary
from edgekit.core.decision import Decision, Side
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.jsonio import dump_record, load_record
from edgekit.core.quantity import Estimate, Note, Origin, Unknown
from edgekit.core.run import Analysis, ChannelAnalysis, RunPlan, RunRecord, RunStatus
from edgekit.core.units import Unit
from edgekit.decision.accounts.totals import YEAR_S, scaled
from edgekit.flows.report import ReportRequest, report
from edgekit.reports.model import Report
from edgekit.reports.show import Cell, carbon, electricity, money

HERE = Path(__file__).resolve().parent
SPREAD = 0.05
BEGIN, END = "<!-- answer: written by docs/examples/make.py -->", "<!-- end -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Hold one published figure: who ran what, joules and seconds per inference, idle watts where known, and where it stands."""

    run: str
    device: str
    kind: str
    boundary: Boundary
    joules: float
    seconds: float
    source: str
    idle_w: float | None = None
    batch: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Hold one worked example: its model, its two published figures, and its scenario file beside this script."""

    folder: str
    model: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    figures: tuple[Published, ...]


def pi4(run: str, joules: float, seconds: float, row: str) -> Published:
    """Return one of the published figures of a Raspberry Pi 4."""
    return Published(
        run=run,
        device="Raspberry Pi 4B",
        kind="pi",
        boundary=Boundary.WALL,
        joules=joules,
        seconds=seconds,
        idle_w=3.06 / 0.87,
        source=f"MLPerf Inference v2.1 closed, {row}; idle 3.06 W (Raspberry Pi documentation) over an assumed charger efficiency of 87 %",
    )


H200 = Published(
    run="h200-node",
    device="8x H200 server",
    kind="cuda",
    boundary=Boundary.WALL,
    joules=4954.0 / 556_234,
    seconds=8 / 556_234,
    idle_w=2370.0 / 8,
    source="MLPerf Inference v4.1 closed power, ResNet-50 Offline, 8x H200 MaxQ: 4954 W at 556,234 samples/s",
)
EXAMPLES = (
    Example(
        folder="keyword_spotter",
        model="kws",
        input=(1, 16_000),
        output=(1, 12),
        figures=(
            Published(
                run="nucleo-u385",
                device="NUCLEO-U385RG-Q",
                kind="board",
                boundary=Boundary.MCU_SUPPLY,
                joules=245.3412e-6,
                seconds=245.3412e-6 / 5.0875e-3,
                source="MLPerf Tiny v1.3 closed, STMicroelectronics NUCLEO_U385RG_Q, keyword spotting: 245.3412 uJ, 5.0875 mW",
            ),
            replace(H200, source=f"{H200.source}; a stand-in, for no keyword spotter is published there: it takes less than this"),
        ),
    ),
    Example(
        folder="camera",
        model="resnet50",
        input=(1, 224, 224, 3),
        output=(1, 1000),
        figures=(
            pi4("pi4-armnn", 1.8608379, 0.332413892, "Krai rpi4-armnn-v22.05-neon, ResNet-50 SingleStream: 1860.8379 mJ, 332.41 ms"),
            H200,
        ),
    ),
    Example(
        folder="defect_detector",
        model="resnet50",
        input=(1, 224, 224, 3),
        output=(1, 1000),
        figures=(
            pi4("pi4-tflite", 3.3566146, 0.587700397, "Krai rpi4-tflite-v2.7.1-ruy, ResNet-50 SingleStream: 3356.6146 mJ, 587.70 ms"),
            H200,
        ),
    ),
)


def record(example: Example, figure: Published) -> RunRecord:
    """Return a run record of one published figure; its notes say that nobody recorded it."""
    joules = _estimate(figure.joules, "J", figure.boundary)
    unknown = Unknown(reason="not published", unit="s")
    no_idle = Unknown(reason="not published", unit="W", boundary=figure.boundary)
    idle = no_idle if figure.idle_w is None else _estimate(figure.idle_w, "W", figure.boundary)
    net_value = None if figure.idle_w is None else figure.joules - figure.idle_w * figure.seconds
    net: Estimate | Unknown = Unknown(reason="idle power is not published", unit="J", boundary=figure.boundary)
    if net_value is not None and net_value > 0:
        net = _estimate(net_value, "J", figure.boundary, half=SPREAD * 2 * figure.joules)
    channel = ChannelAnalysis(
        channel="published",
        boundary=figure.boundary,
        energy_j_per_inference=joules,
        net_j_per_inference=net,
        idle_w=idle,
        mean_w=_estimate(figure.joules / figure.seconds, "W", figure.boundary),
        window_j=(),
        coverage=None,
    )
    return RunRecord(
        id=figure.run,
        session=example.folder,
        created="2026-11-01T00:00:00Z",
        status=RunStatus.COMPLETE,
        artifact=_artifact(example),
        device=DeviceSpec(name=figure.device, kind=figure.kind),
        plan=RunPlan(
            windows=0, window_s=0.0, min_inferences=0, idle_s=0.0, warmup_s=0.0, cooldown_s=0.0, batch=figure.batch, inputs="none"
        ),
        meters=(),
        traces=(),
        windows=(),
        facts_before=DeviceFacts(model=figure.device),
        notes=(
            Note(code="example.sourced", text=f"worked example, recorded by nobody here: {figure.source}; the interval of 5 % is assumed"),
        ),
        analysis=Analysis(
            energy_j_per_inference=joules,
            channel="published",
            channels=(channel,),
            time_s_per_inference=_estimate(figure.seconds, "s", None),
            latency_p50_s=unknown,
            latency_p90_s=unknown,
            latency_p99_s=unknown,
            inferences=0,
            sampler_cpu_share=Unknown(reason="not published", unit="1"),
        ),
    )


def _artifact(example: Example) -> ModelArtifact:
    unseen = "published, never seen"
    return ModelArtifact(
        path=f"{example.model}.published",
        sha256=unseen,
        size_bytes=None,
        format="unknown",
        recipe="as published",
        scheme_requested="unknown",
        scheme_achieved="unknown",
        source=SourceModel(
            path=example.model,
            sha256=unseen,
            format="unknown",
            family=f"example:{example.model}",
            weights_sha256=unseen,
            name=example.model,
        ),
        inputs=(TensorSpec(name="input", shape=example.input, dtype="int8" if example.model == "kws" else "uint8"),),
        outputs=(TensorSpec(name="output", shape=example.output, dtype="float32"),),
        status="verified",  # by the rules of the benchmark that published it; the example needs a candidate that may be chosen
    )


def _estimate(value: float, unit: Unit, boundary: Boundary | None, *, half: float | None = None) -> Estimate:
    width = half if half is not None else SPREAD * value
    return Estimate(
        value=value,
        low=value - width,
        high=value + width,
        unit=unit,
        boundary=boundary,
        origins=(Origin.SOURCED,),
    )


def make(out: Path, examples: Sequence[Example] = EXAMPLES) -> None:
    """Write runs, reports and pages of the examples below `out`; scenario and prose of each lie beside this script."""
    for example in examples:
        folder = out / example.folder
        for figure in example.figures:
            path = folder / "runs" / figure.run / "run.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dump_record(record(example, figure)), encoding="utf-8")
        scenario = HERE / example.folder / "scenario.toml"
        (folder / "scenario.toml").write_bytes(scenario.read_bytes())
        report(_request(folder, example), progress=Silent())
        stored = load_record(Report, (folder / "report.json").read_bytes(), where=example.folder)
        page = (HERE / example.folder / "README.md").read_text(encoding="utf-8")
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        (folder / "README.md").write_text(f"{before}{BEGIN}\n{answer(stored.decision)}{END}{after}", encoding="utf-8")


def answer(decision: Decision) -> str:
    """Return the verdict, what both sides come to, and where the answer turns, as Markdown."""
    verdict, rate = decision.verdict, decision.scenario.rate_per_s
    sides = {item.side: item for item in decision.accounts}
    device, cloud = sides[Side.DEVICE], sides[Side.CLOUD]
    million = (
        ("electricity", electricity, "energy_j"),
        ("carbon of operation, E x I", carbon, "operational_kg"),
        ("making the hardware, M", carbon, "embodied_kg"),
        ("**SCI**, (E x I + M) / R", carbon, "sci_kg"),
        ("money", money, "money"),
    )
    rows = [(name, *(_shown(show(scaled(getattr(item, axis), 1e6))) for item in (device, cloud))) for name, show, axis in million]
    yearly = (_shown(money(scaled(item.money, rate * YEAR_S))) for item in (device, cloud))
    rows.append(("money of one device in a year", *yearly))
    lines = [f"**{verdict.headline}**", "", verdict.sentence, "", verdict.condition, ""]
    lines += ["| a million inferences | device | cloud |", "| --- | ---: | ---: |"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    known = [flip for flip in decision.flips if flip.value is not None and flip.name != "cloud factor"]
    turns = [flip for flip in known if not flip.text.startswith("no ")]
    others = [item.text for item in decision.criteria]
    lines += ["", "The answer turns at:", "", *(f"- {flip.name}: {flip.text}" for flip in turns)] if turns else []
    lines += ["", "By other yardsticks:", "", *(f"- {text}" for text in others)]
    return "\n".join(lines) + "\n"


def _shown(cell: Cell) -> str:
    return f"{cell.text}<br>{cell.detail}" if cell.detail else cell.text


def _request(folder: Path, example: Example) -> ReportRequest:
    """Return the request as it is typed inside the folder, so that no report names the folder it was made in."""
    os.chdir(folder)
    runs = tuple(figure.run for figure in example.figures)
    return ReportRequest(runs=runs, runs_dir=Path("runs"), out=Path("report"), scenario=Path("scenario.toml"), formats=("md", "json"))


if __name__ == "__main__":
    make(Path(sys.argv[1] if len(sys.argv) > 1 else HERE).resolve())
