"""Keep run records of the cloud side with a reference model, so that a machine without a GPU can still compare.

A reference is an ordinary run folder under models/NAME/references/. It is found by model family; where it came from is in the record.
"""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

from edgekit.core import jsonio
from edgekit.core.artifact import ModelArtifact
from edgekit.core.errors import UsageError, missing_file, unknown_name
from edgekit.core.hardware import REHEARSAL, DeviceFacts, DeviceSpec
from edgekit.core.protocols import Device
from edgekit.core.quantity import Note
from edgekit.core.run import RunPlan, RunRecord, RunStatus
from edgekit.decision.cloud.modeled_gpu import ASSUMPTIONS, modeled_gpu
from edgekit.links.files import bundled, read_text, write_atomic, writing
from edgekit.store.runs import RECORD, RunStore, read_record


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceResult:
    """Hold the folders of stored references, in order."""

    folders: tuple[str, ...]
    runs: tuple[RunRecord, ...]


def reference_models() -> tuple[str, ...]:
    """Return the names of the reference models."""
    return tuple(sorted(path.parent.name for path in bundled("models").glob("*/model.toml")))


def require_match(name: str, artifact: Path | None, into: Path | None) -> None:
    """Raise UsageError when `artifact` is not of the family of the reference model `name`; a model of one's own needs both paths."""
    stated = {path.parent.name: tomllib.loads(path.read_text(encoding="utf-8")) for path in bundled("models").glob("*/model.toml")}
    if name not in stated:
        if artifact is None or into is None:
            error = unknown_name("model", name, stated, list_command="edgekit models list")
            error.do = (*error.do, ("for a model of your own:", f"edgekit models record {name} --artifact MODEL.fp32.onnx --into refs"))
            raise error
        return
    if artifact is not None and (family := _described(artifact).family) != stated[name]["family"]:
        raise UsageError(
            f"{artifact} is not {name}",
            code="reference.family",
            why=f"its family is {family}, that of {name} is {stated[name]['family']}",
            do=[("keep it under a name of its own:", f"edgekit models record NAME --artifact {shlex.quote(str(artifact))} --into refs")],
        )


def require_own_folder(device: DeviceSpec, into: Path | None) -> None:
    """Raise UsageError where runs of a stand-in would be kept among the references that others compare with."""
    if into is None and REHEARSAL in device.options:
        raise UsageError(
            f"device {device.name} is a rehearsal, and no reference comes of it",
            code="reference.rehearsal",
            why="the processor stands in for its GPU",
            do=[("keep the runs apart:", f"edgekit models record --all --device {device.name} --into refs")],
        )


def require_device(device: Device) -> None:
    """Raise HardwareError now, before anything is built, when the device cannot be used."""
    with device.connect():
        pass


def adopt(runs: tuple[str, ...], *, runs_dir: Path, into: Path) -> ReferenceResult:
    """Copy recorded runs, raw traces included, into a model's references; a shorter id keeps the tree readable."""
    folders, records = [], []
    for name in runs:
        source = RunStore(runs_dir).find(name)
        record = read_record(source / RECORD)
        board = re.sub(r"[^a-z0-9.]+", "-", (record.facts_before.gpu or record.device.name).lower()).strip("-")
        precision = f"-{record.plan.precision}" if record.plan.precision is not None else ""
        target = into / f"{board}-b{record.plan.batch}{precision}"
        with writing(target):
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)
        folders.append(str(target))
        records.append(record)
    return ReferenceResult(folders=tuple(folders), runs=tuple(records))


def model(artifact: Path, *, batches: tuple[int, ...], created: str, into: Path) -> ReferenceResult:
    """Write modeled records for a float ONNX artifact, one for each batch; nothing is measured, and every record says so."""
    described = _described(artifact)
    kernels, flops = _work(artifact)
    folders, records = [], []
    for batch in batches:
        record = _record(described, kernels=kernels, flops=flops, batch=batch, created=created)
        write_atomic(into / record.id / RECORD, jsonio.dump_record(record))
        folders.append(str(into / record.id))
        records.append(record)
    return ReferenceResult(folders=tuple(folders), runs=tuple(records))


def _described(artifact: Path) -> ModelArtifact:
    sidecar = artifact.with_name(artifact.name + ".json")
    if not artifact.is_file():
        raise missing_file(artifact, "artifact")
    return jsonio.load_record(ModelArtifact, read_text(sidecar, "the description of the artifact"), where=str(sidecar))


def _work(artifact: Path) -> tuple[int, float]:
    """Return (operators, floating-point operations for one input) of a float ONNX graph; convolutions and products are counted."""
    import onnx

    model = onnx.load(artifact, load_external_data=False)
    for item in model.graph.input:
        item.type.tensor_type.shape.dim[0].dim_value = 1
    graph = onnx.shape_inference.infer_shapes(model).graph
    weights = {item.name: tuple(item.dims) for item in graph.initializer}
    shapes = {item.name: [size.dim_value for size in item.type.tensor_type.shape.dim] for item in (*graph.value_info, *graph.output)}
    products = 0.0
    for node in graph.node:
        if node.op_type in ("Conv", "MatMul", "Gemm") and node.input[1] in weights:
            shape = weights[node.input[1]]
            # Every output element takes as many products as one filter has weights, or one column of the matrix has rows.
            depth = prod(shape[1:]) if node.op_type == "Conv" else shape[0]
            products += depth * prod(max(1, size) for size in shapes.get(node.output[0], ()))
    return len(graph.node), 2 * products


def _record(artifact: ModelArtifact, *, kernels: int, flops: float, batch: int, created: str) -> RunRecord:
    reason = "the run is modeled: there was no machine"
    return RunRecord(
        id=f"modeled-gpu-b{batch}",
        session="modeled",
        created=created,
        status=RunStatus.COMPLETE,
        artifact=replace(artifact, samples=None, samples_sha256=None),
        device=DeviceSpec(name="modeled GPU", kind="modeled"),
        plan=RunPlan(windows=0, window_s=0.0, min_inferences=0, idle_s=0.0, warmup_s=0.0, cooldown_s=0.0, batch=batch, inputs="none"),
        meters=(),
        traces=(),
        windows=(),
        facts_before=DeviceFacts(reasons=dict.fromkeys(("model", "cpu", "gpu", "os", "engine"), reason)),
        unit_of_work="copy in + run + copy out",
        notes=(
            Note(
                code="run.modeled",
                text=f"no GPU was used; modeled within a factor of ten from {kernels} operators and {flops / 1e6:.3g} MFLOP; "
                f"assumed: {'; '.join(ASSUMPTIONS)}",
                advice=f"on a machine with an NVIDIA GPU: edgekit models record {artifact.source.name or 'NAME'}",
            ),
        ),
        analysis=modeled_gpu(kernels=kernels, flops=flops, batch=batch),
    )
