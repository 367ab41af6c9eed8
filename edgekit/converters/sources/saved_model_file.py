"""Read a saved_model.pb before anything of it runs, and refuse what would touch files of this machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from edgekit.core.errors import ModelError

# TensorFlow graphs are programs: these operators run Python, or read and write files that a string in the graph names.
_TOUCHING: Final = frozenset(
    {
        *("PyFunc", "PyFuncStateless", "EagerPyFunc"),
        *("ReadFile", "WriteFile", "MatchingFiles", "PrintV2", "DebugIdentity", "DebugIdentityV2", "DebugIdentityV3"),
        *("WholeFileReader", "WholeFileReaderV2", "TextLineReader", "TextLineReaderV2", "TFRecordReader", "TFRecordReaderV2"),
        *("FixedLengthRecordReader", "FixedLengthRecordReaderV2", "LoadAndRemapMatrix", "GenerateVocabRemapping"),
        *("TextLineDataset", "TFRecordDataset", "FixedLengthRecordDataset", "SaveDataset", "SaveDatasetV2", "LoadDataset"),
        *("CacheDataset", "CacheDatasetV2", "SnapshotDataset", "SnapshotDatasetV2"),
        *("CreateSummaryFileWriter", "CreateSummaryDbWriter", "WriteGraphSummary", "WriteRawProtoSummary"),
    }
)
# Every SavedModel can be saved and restored, by functions that nothing in it calls.
_SAVING: Final = frozenset({"Save", "SaveSlices", "SaveV2", "Restore", "RestoreSlice", "RestoreV2", "MergeV2Checkpoints"})


def refuse_touching(path: Path) -> None:
    """Raise ModelError when the SavedModel in folder `path` is damaged, or holds an operator that touches this machine."""
    found = sorted(set(_suspects(_read(path))))
    if found:
        raise ModelError(
            f"{path} is refused",
            code="model.unsafe",
            why=f"its graph holds {', '.join(found)}, which would run code or touch files of this machine",
            do=[("if you trust who made it:", "edgekit convert ... --allow-unsafe-model")],
        )


def _read(path: Path) -> Any:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    except DecodeError as error:
        raise _damaged(path, str(error)) from error
    if not saved.meta_graphs:
        raise _damaged(path, "its saved_model.pb holds no graph")
    return saved


def _suspects(saved: Any) -> Iterator[str]:
    for graph in saved.meta_graphs:
        functions = {item.signature.name: item for item in graph.graph_def.library.function}
        yield from (node.op for item in functions.values() for node in item.node_def if node.op in _TOUCHING)
        yield from (node.op for node in graph.graph_def.node if node.op in _TOUCHING)
        for name in _called(graph.object_graph_def.concrete_functions, functions):
            yield from (node.op for node in functions[name].node_def if node.op in _SAVING)


def _called(names: Iterable[str], functions: Any) -> set[str]:
    """Return the functions that can be called by name, and those that they call."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found or name not in functions:
            continue
        found.add(name)
        for node in functions[name].node_def:
            for value in node.attr.values():
                waiting += [value.func.name, *(item.name for item in value.list.func)]
    return found


def _damaged(path: Path, why: str) -> ModelError:
    return ModelError(
        f"{path} is not a whole SavedModel", code="model.damaged", why=why, do=[("export it again:", "model.export('folder')")]
    )
