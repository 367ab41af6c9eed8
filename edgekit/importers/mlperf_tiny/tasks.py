"""Name the tasks of MLPerf Tiny: the network is fixed in the closed division, so that runs of one task compare."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.core.artifact import TensorSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Describe one task: its title, the names folders use for it, and its input and output (batch first)."""

    title: str
    names: tuple[str, ...]
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()


def _tensor(name: str, shape: tuple[int, ...], dtype: str) -> tuple[TensorSpec, ...]:
    return (TensorSpec(name=name, shape=(1, *shape), dtype=dtype),)


TASKS = {
    "ad": Task(
        title="anomaly detection",
        names=("anomaly_detection",),
        inputs=_tensor("log-mel spectrogram", (640,), "float32"),
        outputs=_tensor("reconstruction", (640,), "float32"),
    ),
    "ic": Task(
        title="image classification",
        names=("image_classification",),
        inputs=_tensor("image", (32, 32, 3), "uint8"),
        outputs=_tensor("classes", (10,), "int8"),
    ),
    "kws": Task(
        title="keyword spotting",
        names=("keyword_spotting",),
        inputs=_tensor("MFCC", (49, 10, 1), "int8"),
        outputs=_tensor("words", (12,), "int8"),
    ),
    "vww": Task(
        title="visual wake words",
        names=("visual_wake_words", "person_detection"),
        inputs=_tensor("image", (96, 96, 3), "uint8"),
        outputs=_tensor("person", (2,), "int8"),
    ),
    "sww": Task(title="streaming wake word", names=("streaming_wakeword",)),
}
