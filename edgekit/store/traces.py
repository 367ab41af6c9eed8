"""Keep raw readings on disk: an Arrow IPC stream per channel while a run lasts, Parquet once it is closed.

Every batch is flushed as it arrives, so a killed run keeps its readings up to the last batch; a torn last batch is ignored on reading.
"""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.core.trace import ChunkedTrace, Reading, Trace, TraceFile
from edgekit.links.files import sha256_of, writing

WHOLE_ROWS = 2_000_000  # readings of one trace that are held in memory together: 50 MB
CHUNK_ROWS = 262_144


class TraceWriter:
    """Append readings to one stream per channel under `folder`; `clocks` names the clock domain of each channel."""

    def __init__(self, folder: Path, clocks: Mapping[str, str]) -> None:
        self._folder = folder
        self._clocks = dict(clocks)
        self._open: dict[str, tuple[Any, Any]] = {}
        self._closed = False

    def append(self, readings: Sequence[Reading] | Trace) -> None:
        """Write readings, or a block of one channel, through to the disk; raise SetupError when it is full."""
        import pyarrow as pa

        if self._closed:
            raise ValueError("readings came after the traces were closed")  # opening a stream again would empty it
        if isinstance(readings, Trace):
            block = (readings.t_ns, readings.bracket_ns, readings.value, readings.flags)
            self._write(readings.channel, [pa.array(column) for column in block])
            return
        by_channel: dict[str, list[Reading]] = defaultdict(list)
        for reading in readings:
            by_channel[reading.channel].append(reading)
        for channel, batch in by_channel.items():
            columns = [
                pa.array([reading.t_ns for reading in batch], pa.int64()),
                pa.array([reading.bracket_ns for reading in batch], pa.int64()),
                pa.array([reading.value for reading in batch], pa.float64()),
                pa.array([reading.flags for reading in batch], pa.uint8()),
            ]
            self._write(channel, columns)

    def _write(self, channel: str, columns: Sequence[Any]) -> None:
        import pyarrow as pa

        path = self._folder / f"{file_stem(channel)}.arrows"
        with writing(path):
            file, stream = self._open.get(channel) or self._start(channel, path)
            stream.write_batch(pa.RecordBatch.from_arrays(columns, schema=_schema(channel, self._clocks.get(channel, "host"))))
            file.flush()

    def close(self) -> None:
        """End every stream; harmless when called twice."""
        self._closed = True
        while self._open:
            channel, (file, stream) = self._open.popitem()
            with writing(self._folder / f"{file_stem(channel)}.arrows"):
                stream.close()
                file.close()

    def _start(self, channel: str, path: Path) -> tuple[Any, Any]:
        import pyarrow as pa

        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("wb")
        stream = pa.ipc.new_stream(file, _schema(channel, self._clocks.get(channel, "host")))
        self._open[channel] = (file, stream)
        return file, stream


def compact(folder: Path) -> tuple[TraceFile, ...]:
    """Turn every finished stream in `folder` into Parquet and return what is there now, paths relative to the parent of `folder`."""
    import pyarrow.parquet as pq

    for stream in sorted(folder.glob("*.arrows")):
        target = stream.with_suffix(".parquet")
        with writing(target), contextlib.ExitStack() as stack:
            writer = None
            for table in _row_groups(stream):
                if writer is None:
                    writer = stack.enter_context(pq.ParquetWriter(target, table.schema, compression="zstd"))
                writer.write_table(table)
        stream.unlink()
    return tuple(_describe(path) for path in sorted(folder.glob("*.parquet")))


def write_trace(folder: Path, trace: Trace) -> TraceFile:
    """Write a trace that was read as a whole into `folder` as Parquet, and return where it is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / f"{file_stem(trace.channel)}.parquet"
    columns = [pa.array(column) for column in (trace.t_ns, trace.bracket_ns, trace.value, trace.flags)]
    with writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_arrays(columns, schema=_schema(trace.channel, trace.clock)), path, compression="zstd")
    return _describe(path)


def read_trace(path: Path) -> Trace:
    """Return the trace stored at `path`, finished (.parquet) or still being written (.arrows); raise ValueError for an empty stream."""
    import pyarrow.parquet as pq

    table = pq.read_table(path) if path.suffix == ".parquet" else _read_stream(path)
    if table is None:
        raise ValueError(f"{path} holds no readings")
    metadata = table.schema.metadata or {}
    columns = {name: table.column(name).to_numpy() for name in ("t_ns", "bracket_ns", "value", "flags")}
    return Trace(channel=metadata[b"channel"].decode(), clock=metadata[b"clock"].decode(), **columns)


def open_trace(path: Path, *, whole_rows: int = WHOLE_ROWS) -> Trace | ChunkedTrace:
    """Return the finished trace stored at `path`, piece by piece where it has more than `whole_rows` readings."""
    import pyarrow.parquet as pq

    rows = pq.read_metadata(path).num_rows
    if rows <= whole_rows:
        return read_trace(path)
    found = pq.read_schema(path).metadata
    return ChunkedTrace(channel=found[b"channel"].decode(), clock=found[b"clock"].decode(), rows=rows, chunks=lambda: read_chunks(path))


def read_chunks(path: Path) -> Iterator[Trace]:
    """Yield a finished trace in the pieces it was written in (up to a million readings), of which one is in memory at a time."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        found = file.schema_arrow.metadata
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, use_threads=False)
            columns = {name: table.column(name).to_numpy() for name in ("t_ns", "bracket_ns", "value", "flags")}
            yield Trace(channel=found[b"channel"].decode(), clock=found[b"clock"].decode(), **columns)


def file_stem(channel: str) -> str:
    """Return a file name for a channel id; everything but letters, digits, dot, dash and underscore becomes an underscore."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", channel)


def _describe(path: Path) -> TraceFile:
    import pyarrow.parquet as pq

    metadata = pq.read_schema(path).metadata
    return TraceFile(
        channel=metadata[b"channel"].decode(),
        clock=metadata[b"clock"].decode(),
        path=f"{path.parent.name}/{path.name}",
        rows=pq.read_metadata(path).num_rows,
        sha256=sha256_of(path),
    )


def _schema(channel: str, clock: str) -> Any:
    import pyarrow as pa

    fields = [("t_ns", pa.int64()), ("bracket_ns", pa.int64()), ("value", pa.float64()), ("flags", pa.uint8())]
    return pa.schema(fields, metadata={"channel": channel, "clock": clock})


def _read_stream(path: Path) -> Any:
    """Return the whole batches of a stream as a table; None when its writer was stopped before the first."""
    import pyarrow as pa

    tables = list(_row_groups(path))
    return pa.concat_tables(tables) if tables else None


def _row_groups(path: Path) -> Iterator[Any]:
    """Yield the whole batches of a stream as tables of about a chunk each, at least one, empty, unless its writer was stopped before."""
    import pyarrow as pa

    with path.open("rb") as file:
        try:
            reader = pa.ipc.open_stream(file)
        except (pa.ArrowInvalid, OSError):
            return
        batches: list[Any] = []
        rows, first, whole = 0, True, True
        while whole:
            try:
                batches.append(reader.read_next_batch())
                rows += batches[-1].num_rows
            except (StopIteration, pa.ArrowInvalid, OSError):  # its end, or the writer was killed inside a batch: what came before is whole
                whole = False
            if (not whole and (batches or first)) or rows >= CHUNK_ROWS:
                yield pa.Table.from_batches(batches, schema=reader.schema)
                batches, rows, first = [], 0, False
