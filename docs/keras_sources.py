"""Put real output and figures into the pages on Keras and SavedModel sources: `python docs/keras_sources.py`.

The commands of the pages run in a scratch folder that holds docs/examples/digits_keras.py; the table comes from the zoo of the tests.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from refresh import BLOCK, ROOT, refresh

sys.path.insert(0, str(ROOT))

from edgekit.flows.convert import ConvertResult, ConvertRow
from tests.converters.one_process import convert_each
from tests.converters.test_zoo import request
from tests.converters.zoo import BUILD

PAGES = ("convert-keras", "convert-savedmodel")
TABLE = re.compile(r"(?ms)^(<!-- zoo -->\n).*?^(<!-- end -->)$")
WORDS = {
    "mlp": "dense",
    "conv1d": "`Conv1D`, softmax",
    "causal_gelu": "causal and dilated `Conv1D`, gelu",
    "grouped": "`Conv2D` with groups",
    "resizing": "`Rescaling`, `Resizing`, swish, dilated `DepthwiseConv2D`",
    "transposed": "`Conv2DTranspose`, softmax",
    "attention": "`MultiHeadAttention`, `LayerNormalization`",
    "embedding": "`Embedding`, int32 input",
    "named": "two inputs, outputs in a dictionary",
    "lstm_free": "`LSTM`",
    "gru_free": "`GRU`",
    "lstm": "`LSTM`, batch of 1",
    "gru": "`GRU`, batch of 1",
    "bilstm": "`Bidirectional(LSTM)`, batch of 1",
    "lstm_time": "`LSTM`, free length",
    "lstm_unrolled": "`LSTM`, unrolled",
    "erfinv": "`Lambda` with `tf.math.erfinv`, allowed by flag",
    "named_saved": "SavedModel of two inputs and two outputs",
    "lstm_saved": "SavedModel of an `LSTM`",
}
COLUMNS = ("fp32.tflite", "dynamic.tflite", "int8.tflite", "fp32.onnx", "dynamic.onnx", "int8.onnx")


def main() -> None:
    """Refresh both pages."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "edgekit"
        folder.mkdir()
        shutil.copy(ROOT / "docs" / "examples" / "digits_keras.py", folder)
        table = zoo(folder.parent / "zoo")
        for name in PAGES:
            page = ROOT / "docs" / f"{name}.md"
            text = BLOCK.sub(lambda found: f"```console\n{refresh(found.group(1), folder)}```", page.read_text(encoding="utf-8"))
            page.write_text(TABLE.sub(lambda found: f"{found[1]}{table}{found[2]}", text), encoding="utf-8")
            print(f"refreshed {page.relative_to(ROOT)}")


def zoo(folder: Path) -> str:
    """Return the table of what became of each network."""
    folder.mkdir()
    subprocess.run([sys.executable, "-c", BUILD, str(folder)], check=True, capture_output=True)
    results = convert_each({name: request(name, folder, folder / "out") for name in WORDS})
    head = ["model", *(f"{recipe} {format_}" for recipe, _, format_ in (column.partition(".") for column in COLUMNS))]
    lines = [head, ["---"] * len(head), *([WORDS[name], *cells(result)] for name, result in results.items())]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cells(result: ConvertResult) -> list[str]:
    """Return what became of each recipe, in the order of the columns."""
    rows = {f"{row.recipe}.{row.format}": row for row in result.rows}
    detour = any(note.code == "convert.detour" for note in result.notes)
    return [cell(rows[column]) + (" (b)" if detour and column.endswith("onnx") else "") for column in COLUMNS]


def cell(row: ConvertRow) -> str:
    """Return the agreement in dB, or what the gate or the converter said."""
    if row.failure is not None:
        return f"`{row.failure.code}`"
    assert row.artifact is not None
    assert row.artifact.verification is not None
    failed = [check for check in row.artifact.verification.checks if not check.passed]
    if failed:
        return f"fails: {failed[0].name} {failed[0].seen}"
    sqnr = row.artifact.verification.sqnr_db
    return "identical" if sqnr is None else f"{sqnr:.0f} dB"


if __name__ == "__main__":
    main()
