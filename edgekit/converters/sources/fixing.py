"""Say which free dimensions an exporter had to fix."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.converters.port import Port
from edgekit.core.quantity import Note


def fixed_shapes(ports: Sequence[Port]) -> tuple[Note, ...]:
    """Return a remark for each input whose free dimensions beside the batch TFLite takes from the data."""
    return tuple(
        Note(
            code="shape.fixed",
            text=f"input {port.name}: its free dimensions are fixed to those of the data, as TFLite demands",
            advice="ONNX keeps them free: --to onnx",
        )
        for port in ports
        if None in port.shape[1:]
    )
