"""Keep run records of the cloud side with a reference model, so that a machine without a GPU can still compare.

A reference is an ordinary run folder under models/NAME/references/. It is found by model family; where it came from is in the record.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from edgekit.core import jsonio
from edgekit.core.artifact import ModelArtifact
from edgekit.core.errors import missing_file
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.quantity import Note
from edgekit.core.run import RunPlan, RunRecord, RunStatus
from edgekit.decision.launch_bound import ASSUMPTIONS, launch_bound
from edgekit.links.files import read_text, write_atomic, writing
from edgekit.store.runs import RECORD, RunStore, read_record


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceResult:
    """Hold the folders of stored references, in order."""

    folders: tuple[str, ...]
    runs: tuple[RunRecord, ...]


def adopt(runs: tuple[str, ...], *, runs_dir: Path, into: Path) -> ReferenceResult:
    """Copy recorded runs, raw traces included, into a model's references; a shorter id keeps the tree readable."""
    folders, records = [], []
    for name in runs:
        source = RunStore(runs_dir).find(name)
        record = read_record(source / RECORD)
        board = (record.facts_before.gpu or record.device.name).lower().replace(" ", "-").replace(",", "")
        target = into / f"{board}-b{record.plan.batch}"
        with writing(target):
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)
        folders.append(str(target))
        records.append(record)
    return ReferenceResult(folders=tuple(folders), runs=tuple(records))


def model(artifact: Path, *, batches: tuple[int, ...], created: str, into: Path) -> ReferenceResult:
    """Write modeled records for a float ONNX artifact, one for each batch; nothing is measured, and every record says so."""
    sidecar = artifact.with_name(artifact.name + ".json")
    if not artifact.is_file():
        raise missing_file(artifact, "artifact")
    described = jsonio.load_record(ModelArtifact, read_text(sidecar, "the description of the artifact"), where=str(sidecar))
    kernels = _operators(artifact)
    folders, records = [], []
    for batch in batches:
        record = _record(described, kernels=kernels, batch=batch, created=created)
        write_atomic(into / record.id / RECORD, jsonio.dump_record(record))
        folders.append(str(into / record.id))
        records.append(record)
    return ReferenceResult(folders=tuple(folders), runs=tuple(records))


def _operators(artifact: Path) -> int:
    import onnx

    return len(onnx.load(artifact, load_external_data=False).graph.node)


def _record(artifact: ModelArtifact, *, kernels: int, batch: int, created: str) -> RunRecord:
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
                text=f"no GPU was used: {kernels} operators, launch-bound, within a factor of ten; assumed: {'; '.join(ASSUMPTIONS)}",
                advice=f"on a machine with an NVIDIA GPU: edgekit models record {artifact.source.name or 'NAME'}",
            ),
        ),
        analysis=launch_bound(kernels=kernels, batch=batch),
    )
