"""Compare what an ONNX model asks for with what the installed ONNX Runtime can do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from edgekit.core.errors import ModelError

_OWN: Final = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "com.microsoft", "com.microsoft.nchwc"}
)
_LIMITS: Final = (("IR version", r"max supported IR version: (\d+)"), ("opset", r"is till opset (\d+)"))


def require_runnable(proto: Any, path: Path) -> None:
    """Raise ModelError when ONNX Runtime does not open `proto`: newer than it, or with operators that it does not have."""
    _refuse_foreign(proto, path)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise refused(error, proto, path) or error from error


def refused(error: Exception, proto: Any, path: Path) -> ModelError | None:
    """Return what ONNX Runtime's `error` means where the model is newer than the runtime, else None."""
    import onnxruntime

    stated = {"IR version": proto.ir_version, "opset": max((item.version for item in proto.opset_import if not item.domain), default=0)}
    for name, pattern in _LIMITS:
        if found := re.search(pattern, str(error)):
            return ModelError(
                f"{path} is newer than the ONNX Runtime installed",
                code="model.too_new",
                why=f"the model has {name} {stated[name]}; onnxruntime {onnxruntime.__version__} takes {name} up to {found[1]}",
                do=[
                    ("update the runtime:", "pip install -U onnxruntime"),
                    ("or export the model with an older one:", f"opset_version={found[1]}"),
                ],
                data={"log": str(error)},
            )
    return None


def _refuse_foreign(proto: Any, path: Path) -> None:
    own = {(function.domain, function.name) for function in proto.functions}
    foreign = sorted(
        {f"{node.domain}.{node.op_type}" for node in proto.graph.node if node.domain not in _OWN and (node.domain, node.op_type) not in own}
    )
    if foreign:
        raise ModelError(
            f"{path} has operators that ONNX Runtime does not have",
            code="model.operator",
            why=f"{', '.join(foreign)} {'belongs' if len(foreign) == 1 else 'belong'} to a library of their own",
            do=[("export the model without it:", "torch.onnx.export(model, inputs, 'model.onnx', dynamo=True)")],
        )
