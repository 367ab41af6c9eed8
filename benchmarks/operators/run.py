"""Measure which operator versions a TFLite runtime knows, and which operator sets an ONNX Runtime knows; write the table of a target.

    python benchmarks/operators/run.py PYTHON...

Each PYTHON has a runtime installed: ai-edge-litert, tflite-runtime, tflite-micro or onnxruntime; where it has several, PYTHON=NAME says
which one. The answer goes to edgekit/converters/targets/runtimes/NAME-VERSION.toml. A model that only lists an operator is enough to ask:
runtimes look up every listed operator when a model is opened, before anything is allocated (TFLite Micro: every one in the graph). This
script itself needs ai-edge-litert (for the schema) and onnx.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

OUT = Path(__file__).parents[2] / "edgekit/converters/targets/runtimes"
NEWEST_VERSION = 20
CUSTOM = 32
ABSENT = 255  # an operator number that nobody has used yet

ASK = '''
import json, sys
from importlib.metadata import version
folder, jobs = sys.argv[1], json.load(open(sys.argv[1] + "/jobs.json"))

def in_child(work):
    """Raise where `work` says on stderr that it does not know the operator; that it fails or crashes for want of inputs does not matter."""
    import os, tempfile
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if not child:
            os.dup2(said.fileno(), 2)
            try:
                work()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        said.seek(0)
        if b"Didn't find op" in said.read():
            raise LookupError

def opener(name):
    if name in ("", "ai-edge-litert"):
        try:
            from ai_edge_litert.interpreter import Interpreter
            return "ai-edge-litert", lambda data: Interpreter(model_content=data)
        except ImportError:
            pass
    if name in ("", "tflite-runtime"):
        try:
            from tflite_runtime.interpreter import Interpreter
            return "tflite-runtime", lambda data: Interpreter(model_content=data)
        except ImportError:
            pass
    if name in ("", "tflite-micro"):
        try:
            from tflite_micro import runtime
            return "tflite-micro", lambda data: in_child(lambda: runtime.Interpreter.from_bytes(data, arena_size=100000))
        except ImportError:
            pass
    import onnxruntime
    onnxruntime.set_default_logger_severity(4)
    return "onnxruntime", lambda data: onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])

name, open_model = opener(sys.argv[2])
known = {}
for key, files in jobs[{"onnxruntime": "onnx", "tflite-micro": "micro"}.get(name, "tflite")].items():
    for number, file in files:
        try:
            open_model(open(folder + "/" + file, "rb").read())
        except Exception:
            continue
        known[key] = number
print(json.dumps({"runtime": name, "version": version(name.replace("-", "_") if name == "tflite-micro" else name), "known": known}))
'''


def main() -> None:
    """Ask every runtime and write one table each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", nargs="+", metavar="PYTHON[=NAME]")
    pythons: list[str] = parser.parse_args().python
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        (folder / "jobs.json").write_text(
            json.dumps({"tflite": write_tflite(folder), "micro": write_tflite(folder, used=True), "onnx": write_onnx(folder)})
        )
        for python in pythons:
            path, _, runtime = python.partition("=")
            done = subprocess.run([path, "-c", ASK, folder, runtime], check=True, stdout=subprocess.PIPE, text=True)
            answer = json.loads(done.stdout.splitlines()[-1])
            out = OUT / f"{answer['runtime']}-{answer['version']}.toml"
            out.write_text(table(answer))
            sys.stderr.write(f"{out.name}: {len(answer['known'])}\n")


def table(answer: dict[str, Any]) -> str:
    """Return the table as TOML."""
    lines = [
        f"# Written by benchmarks/operators/run.py on {datetime.now(UTC):%Y-%m-%d}: what the runtime itself accepts.",
        f'runtime = "{answer["runtime"]}"',
        f'version = "{answer["version"]}"',
    ]
    known = sorted(answer["known"].items())
    if answer["runtime"] == "tflite-micro":  # it knows operators, not their versions
        lines += ["operators = [", *(f'    "{key}",' for key, _ in known), "]"]
    elif answer["runtime"] == "onnxruntime":
        lines += [f"max_{key} = {number}" for key, number in known]
    else:
        lines += ["", "[max_versions]", *(f"{key} = {number}" for key, number in known)]
    return "\n".join(lines) + "\n"


def write_tflite(folder: Path, *, used: bool = False) -> dict[str, list[tuple[int, str]]]:
    """Write one model per operator and version; return operator: (version, file).

    `used`: the operator stands in the graph, in its first version only. TFLite Micro looks up no other and knows no versions.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    files: dict[str, list[tuple[int, str]]] = {}
    for name, number in vars(schema.BuiltinOperator).items():
        if name.startswith("_") or number in (CUSTOM, ABSENT):
            continue
        for version in (1,) if used else range(1, NEWEST_VERSION):
            code = schema.OperatorCodeT()
            code.deprecatedBuiltinCode, code.builtinCode, code.version = min(number, 127), number, version
            tensor = schema.TensorT()
            tensor.shape, tensor.type, tensor.buffer, tensor.name = [1], schema.TensorType.FLOAT32, 0, "x"
            graph = schema.SubGraphT()
            graph.tensors, graph.inputs, graph.outputs, graph.operators = [tensor], [0], [0], []
            if used:
                operator = schema.OperatorT()
                operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0], [0]
                graph.operators = [operator]
            if number != schema.BuiltinOperator.DELEGATE:
                model = schema.ModelT()
                model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], [schema.BufferT()]
                builder = flatbuffers.Builder(256)
                builder.Finish(model.Pack(builder), b"TFL3")
                file = f"{name}.{version}{'.used' * used}.tflite"
                (folder / file).write_bytes(bytes(builder.Output()))
                files.setdefault(name, []).append((version, file))
    return files


def write_onnx(folder: Path) -> dict[str, list[tuple[int, str]]]:
    """Write one model per operator set and per format version; return limit: (number, file)."""
    from onnx import TensorProto, helper

    port = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    end = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "probe", [port], [end])
    files: dict[str, list[tuple[int, str]]] = {"opset": [], "ir": []}
    for number in range(10, 40):
        for limit, opset, ir in (("opset", number, 8), ("ir", 15, number)):
            file = f"{limit}.{number}.onnx"
            model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)
            (folder / file).write_bytes(model.SerializeToString())
            files[limit].append((number, file))
    return files


if __name__ == "__main__":
    main()
