"""Run one artifact in two runtimes, and count the output values that differ. Runs in a child process of its own for each runtime.

The same int8 file does not give the same numbers everywhere: kernels round differently, and a microcontroller runs others than a PC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from edgekit.converters.data import one_by_one
from edgekit.converters.verify.evidence import read_evidence
from edgekit.core.artifact import Agreement
from edgekit.core.jsonio import as_data

INPUTS: Final = 50  # of the proof: reference kernels take seconds for each input of a large network
OTHERS: Final[Mapping[str, tuple[str, ...]]] = {"tflite": ("reference", "plain", "micro"), "onnx": ("unoptimised",)}


class Ran(NamedTuple):
    """Hold the outputs of one runtime as they come out of it, and the step between two values of each where it is quantized."""

    runtime: str
    outputs: list[Any]
    steps: Sequence[float | None]


def run(job: dict[str, Any], stage: Callable[[str], None]) -> dict[str, Any]:
    """Return the Agreement of the artifact at job["path"] in job["runtime"] with the runtime of the gate, on inputs of the proof."""
    path, name = Path(job["path"]), job["runtime"]
    evidence = read_evidence(Path(job["work"]), job["format"])
    given = {evidence.renamed.get(key, key): array[:INPUTS] for key, array in evidence.proof.items()}
    stage("running it in the usual runtime")
    usual = _RUN["usual" if job["format"] == "tflite" else "optimised"](path, given)
    stage(f"running it in {TITLES[name]}")
    try:
        other = _RUN[name](path, given)
    except ImportError:
        return as_data(Agreement(runtime=TITLES[name], reason=_MISSING.get(name, "it is not installed")))  # type: ignore[no-any-return]
    except Exception as error:  # a runtime that refuses a model is an answer, in whatever class it comes
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        return as_data(Agreement(runtime=TITLES[name], reason=f"it refuses the model: {said[:200]}"))  # type: ignore[no-any-return]
    return as_data(compare(usual, other))  # type: ignore[no-any-return]


def compare(usual: Ran, other: Ran) -> Agreement:
    """Return how many values differ, and the largest difference: in units of the output, and in its steps where it has any."""
    largest, steps, differing = 0.0, [], 0
    for a, b, step in zip(usual.outputs, other.outputs, usual.steps, strict=True):
        distance = abs(a.astype("float64") - b.astype("float64"))
        differing += int((distance != 0).sum())
        coded = a.dtype.kind in "iu" and step is not None
        if step is not None:
            steps.append(float(distance.max()) / (1.0 if coded else step))
        largest = max(largest, float(distance.max()) * (step if coded and step is not None else 1.0))
    count = sum(output.size for output in usual.outputs)
    return Agreement(
        runtime=other.runtime, values=count, differing=differing, max_abs=largest, max_steps=round(max(steps), 3) if steps else None
    )


def _litert(resolver: str, title: str) -> Callable[[Path, Mapping[str, Any]], Ran]:
    def ran(path: Path, inputs: Mapping[str, Any]) -> Ran:
        import ai_edge_litert
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        model = Interpreter(str(path), num_threads=1, experimental_op_resolver_type=OpResolverType[resolver])
        model.allocate_tensors()
        ports, ends = model.get_input_details(), model.get_output_details()
        results = []
        for sample in _fed(model, ports, inputs):
            for port, array in zip(ports, sample, strict=True):
                model.set_tensor(port["index"], array)
            model.invoke()
            results.append([model.get_tensor(end["index"]).copy() for end in ends])
        return Ran(f"LiteRT {ai_edge_litert.__version__} {title}", _joined(results), _steps(path, ends))

    return ran


def _micro(path: Path, inputs: Mapping[str, Any]) -> Ran:
    from importlib.metadata import version

    from ai_edge_litert.interpreter import Interpreter
    from tflite_micro import runtime

    from edgekit.converters.targets.memory import activation_bytes

    arena = 10 * path.stat().st_size + 4 * activation_bytes(path) + (1 << 20)
    model = runtime.Interpreter.from_file(str(path), arena_size=arena)
    described = Interpreter(str(path), num_threads=1)
    ends = described.get_output_details()
    results = []
    for sample in _fed(described, described.get_input_details(), inputs):
        for place, array in enumerate(sample):
            model.set_input(array, place)
        model.invoke()
        results.append([model.get_output(place).copy() for place in range(len(ends))])
    return Ran(f"TFLite Micro {version('tflite-micro')}", _joined(results), _steps(path, ends))


def _ort(level: str, title: str) -> Callable[[Path, Mapping[str, Any]], Ran]:
    def ran(path: Path, inputs: Mapping[str, Any]) -> Ran:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        results = [session.run(None, sample) for sample in one_by_one(inputs)]
        return Ran(f"ONNX Runtime {onnxruntime.__version__} {title}", _joined(results), [None] * len(results[0]))

    return ran


def _fed(model: Any, ports: Sequence[Mapping[str, Any]], inputs: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Yield each sample as arrays in the order of the model's own inputs, in their number formats."""
    signature = next(iter(model.get_signature_list()), None)
    named = model.get_signature_runner(signature).get_input_details() if signature else {port["name"]: port for port in ports}
    names = {detail["index"]: name for name, detail in named.items()}
    for sample in one_by_one(inputs):
        yield [_coded(sample[names[port["index"]]], port) for port in ports]


def _coded(values: Any, port: Mapping[str, Any]) -> Any:
    import numpy as np

    dtype, (scale, zero) = np.dtype(port["dtype"]), port["quantization"]
    if dtype.kind not in "iu" or values.dtype.kind != "f" or not scale:
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.round(values / scale) + zero, limits.min, limits.max).astype(dtype)


def _joined(results: Sequence[Sequence[Any]]) -> list[Any]:
    import numpy as np

    return [np.concatenate([result[place].reshape(1, -1) for result in results]) for place in range(len(results[0]))]


def _steps(path: Path, ends: Sequence[Mapping[str, Any]]) -> list[float | None]:
    """Return the step of each output: its own scale, or that of what a last DEQUANTIZE reads."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    graph = model.subgraphs[0]
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    before = {op.outputs[0]: op.inputs[0] for op in graph.operators if codes[op.opcodeIndex] == schema.BuiltinOperator.DEQUANTIZE}
    found = []
    for end in ends:
        scales = graph.tensors[before.get(end["index"], end["index"])].quantization
        found.append(float(scales.scale[0]) if scales is not None and scales.scale is not None and len(scales.scale) == 1 else None)
    return found


TITLES: Final = {
    "reference": "LiteRT reference kernels",
    "plain": "LiteRT kernels without XNNPACK",
    "micro": "TFLite Micro",
    "unoptimised": "ONNX Runtime unoptimised",
}
_MISSING: Final = {"micro": "tflite-micro is not installed; its wheels are for Linux on x86-64 only (extra mcu)"}
_RUN: Final[Mapping[str, Callable[[Path, Mapping[str, Any]], Ran]]] = {
    "usual": _litert("AUTO", "with XNNPACK"),
    "reference": _litert("BUILTIN_REF", "reference kernels"),
    "plain": _litert("BUILTIN_WITHOUT_DEFAULT_DELEGATES", "kernels without XNNPACK"),
    "micro": _micro,
    "optimised": _ort("ORT_ENABLE_ALL", "with graph optimisation"),
    "unoptimised": _ort("ORT_DISABLE_ALL", "unoptimised"),
}
