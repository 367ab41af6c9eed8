"""Write an .onnx in ONNX Runtime's own format, optimised once so that a device need not."""

from __future__ import annotations

from pathlib import Path


def save(model: Path, out: Path, *, signed: bool) -> None:
    """Write `model` in ORT format with every optimisation that does not depend on this machine's processor.

    `signed` keeps int8 activations, as ARM computes them; otherwise they become uint8, as x86 does.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(out)
    options.log_severity_level = 3
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.add_session_config_entry("session.qdqisint8allowed", "1" if signed else "0")
    onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"], disabled_optimizers=["NchwcTransformer"])
