"""Put real output and figures into the pages on PyTorch and ONNX sources: `python docs/torch_sources.py`.

The commands of the pages run in a scratch folder that holds what docs/examples/digits_torch.py writes; the table comes from the models of
the tests. The environment of onnx2tf is taken from .venv-tools (`make tools`), or from EDGEKIT_TEST_TOOLS.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from refresh import BLOCK, ROOT, refresh

PAGES = ("convert-pytorch", "convert-onnx")
TABLE = re.compile(r"(?ms)^(<!-- zoo -->\n).*?^(<!-- end -->)$")
WORDS = {
    "mlp": "dense, dropout",
    "cnn": "convolution with batch normalisation; depthwise, grouped, dilated",
    "conv1d": "1D convolution",
    "lstm": "LSTM",
    "gru": "GRU",
    "bilstm": "LSTM both ways",
    "attention": "`MultiheadAttention`, `LayerNorm`",
    "dot_product": "`scaled_dot_product_attention`",
    "embedding": "embedding, int64 input",
    "upsample": "`ConvTranspose2d` with stride and padding, softmax",
    "activations": "GELU, SiLU, Hardswish",
    "resizing": "`interpolate`: bilinear up, nearest down",
    "two": "two inputs, outputs in a dictionary with a tuple",
}
COLUMNS = ("fp32.tflite", "fp32.onnx", "int8.tflite", "int8.onnx")


def main() -> None:
    """Refresh both pages."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "edgekit"
        folder.mkdir()
        shutil.copy(ROOT / "docs" / "examples" / "digits_torch.py", folder)
        environments = folder.parent / "data" / "environments"
        environments.mkdir(parents=True)
        tools = Path(os.environ.get("EDGEKIT_TEST_TOOLS") or ROOT / ".venv-tools").absolute()
        (environments / "onnx2tf").symlink_to(tools / "environments" / "onnx2tf")
        table = zoo(folder.parent / "zoo")
        for name in PAGES:
            page = ROOT / "docs" / f"{name}.md"
            text = BLOCK.sub(lambda found: f"```console\n{refresh(found.group(1), folder)}```", page.read_text(encoding="utf-8"))
            page.write_text(TABLE.sub(lambda found: f"{found[1]}{table}{found[2]}", text), encoding="utf-8")
            print(f"refreshed {page.relative_to(ROOT)}")


def zoo(folder: Path) -> str:
    """Return the table of what became of each model."""
    command = [sys.executable, "-m", "tests.converters.torch_zoo", str(folder), *WORDS]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    lines = ["| model | fp32 TFLite | fp32 ONNX | int8 TFLite | int8 ONNX |", "|---|---|---|---|---|"]
    for name, words in WORDS.items():
        told = json.loads((folder / f"{name}.json").read_text())
        lines.append(f"| {words} | {' | '.join(cell(told[key]) for key in COLUMNS)} |")
    return "\n".join(lines) + "\n"


def cell(told: dict[str, Any]) -> str:
    """Return the agreement in dB, or what the gate or the converter said."""
    if "failure" in told:
        return f"refused: `{told['failure']['code']}`"
    proof = told["verification"]
    if proof["passed"]:
        return f"{proof['sqnr_db']:.1f} dB"
    failed = next(check for check in proof["checks"] if not check["passed"])
    return f"fails its gate: {failed['name']} {failed['seen']}"


if __name__ == "__main__":
    main()
