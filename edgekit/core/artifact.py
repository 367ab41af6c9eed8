"""Describe a converted model: what was asked, what was achieved, and the proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from edgekit.core.quantity import Note, Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """Describe one input or output: name, shape (batch first, -1 where free), dtype, and scale and zero point where it is quantized.

    `layout` is "NHWC" or "NCHW" for images, where the graph tells which it is.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None
    layout: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Count one kind of operator: its name in the format's own words, the version it is written for, how often it stands in the graph."""

    name: str
    version: int | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationSet:
    """Name the samples from which ranges were read: sha256 of the file, how many of it, and how a range was made of them."""

    sha256: str
    samples: int
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Compare one runtime's outputs with those of the runtime that the gate used, on the same artifact and inputs.

    `differing` and `values` count output values, `max_abs` is the largest difference, in steps of the output's scale where it is
    quantized (`max_steps`). `reason` says why a runtime could not be asked.
    """

    runtime: str
    values: int = 0
    differing: int = 0
    max_abs: float | None = None
    max_steps: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerLoss:
    """Hold what one layer of `weights` elements loses when it alone is quantized: agreement of the outputs with the float model, in dB."""

    layer: str
    weights: int
    sqnr_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """Hold what the layers of a model lose by one recipe, the worst first, with `joint_db` when all are quantized together.

    `kept` are those that a mixed precision leaves in float, `mixed_db` what it then reaches; None where nobody asked for one.
    """

    recipe: str
    format: str
    layers: tuple[LayerLoss, ...]
    joint_db: float
    kept: tuple[str, ...] | None = None
    mixed_db: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NpuReport:
    """Hold what the compiler of an NPU said of a model. Cycles, memory and time are its own estimates for `system`, nothing measured.

    `on_cpu` gives the operators that the NPU cannot run, each with the compiler's reason.
    """

    accelerator: str
    tool: str
    system: str
    on_cpu: tuple[str, ...]
    on_cpu_count: int
    sram_bytes: int
    flash_bytes: int
    macs: int
    cycles: int
    inference_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Hold one verdict of the gate: what was checked, what was seen, the floor it had to meet, and whether it passed."""

    name: str
    passed: bool
    seen: str
    floor: str | None = None
    advice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Hold the proof of a conversion: agreement with the source model, accuracy, coverage, and each check of the gate.

    `data` says on which inputs `sqnr_db`, `max_abs_error` and `top1_agreement` were found: "held-out", "calibration" (the same that
    ranges were read from) or "synthetic". Beside held-out inputs `calibration_...` are the same figures on `calibration_samples` of those
    that ranges were read from. A figure is None where there is none, `sqnr_db` also where outputs are identical. `accuracy_change` is
    accuracy less source_accuracy, sample by sample; `mcnemar_p` the exact p that both are right equally often.
    """

    passed: bool
    checks: tuple[Check, ...]
    data: str | None = None
    sqnr_db: float | None = None
    max_abs_error: float | None = None
    top1_agreement: float | None = None
    samples: int = 0
    calibration_sqnr_db: float | None = None
    calibration_max_abs_error: float | None = None
    calibration_top1_agreement: float | None = None
    calibration_samples: int = 0
    accuracy: Quantity | None = None
    source_accuracy: Quantity | None = None
    accuracy_change: Quantity | None = None
    mcnemar_p: float | None = None
    quantized_share: float | None = None
    computed_share: float | None = None
    runtime: str | None = None
    agreements: tuple[Agreement, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceModel:
    """Describe the float model an artifact came from: `family` hashes its graph without weights, `weights_sha256` its weights."""

    path: str
    sha256: str
    format: str
    family: str
    weights_sha256: str
    parameters: int | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelArtifact:
    """Describe one converted file. `path` and `samples` are relative to the folder of the artifact's own JSON.

    `samples` is an .npz with the inputs (key per input name) that the benchmark feeds; `samples_origin` says where they came from.
    `graph_sha256` hashes the graph and its weights however they are laid out in the file (ONNX writers shuffle them); `kept` lists the
    layers that a mixed precision leaves in float. `status` is "verified", "failed" (kept, but its gate failed), "unverified" or
    "unseen" (its file was never at hand, so that `size_bytes` is None).
    """

    SCHEMA: ClassVar[str] = "edgekit.artifact/1"

    path: str
    sha256: str
    size_bytes: int | None
    format: str
    recipe: str
    scheme_requested: str
    scheme_achieved: str
    source: SourceModel
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    status: str
    verification: Verification | None = None
    samples: str | None = None
    samples_sha256: str | None = None
    samples_origin: str | None = None
    operators: tuple[Operator, ...] = ()
    opsets: Mapping[str, int] = field(default_factory=dict)
    calibration: CalibrationSet | None = None
    target: str | None = None
    npu: NpuReport | None = None
    graph_sha256: str | None = None
    kept: tuple[str, ...] = ()
    tools: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()

    @property
    def family(self) -> str:
        """Return the family hash of the source graph."""
        return self.source.family
