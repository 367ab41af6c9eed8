"""Say once what many runs say: the notes of all runs, grouped by their text, each with the runs it belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from edgekit.core.decision import Side
from edgekit.reports.model import RunRow
from edgekit.reports.show import Remark


def run_names(rows: Sequence[RunRow]) -> dict[str, str]:
    """Return a short name for each run id: as much of recipe, format, device and batch as tells them apart."""
    devices = {row.device for row in rows}
    names = {row.run: _name(row, with_device=len(devices) > 1) for row in rows}
    seen = Counter(names.values())
    return {run: name if seen[name] == 1 else f"{name} ({run})" for run, name in names.items()}


def run_remarks(rows: Sequence[RunRow]) -> tuple[Remark, ...]:
    """Return the notes of all runs, each once; notes that differ in a few words only share one line."""
    told: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        texts = dict.fromkeys(note.text for note in row.notes)
        for note in row.notes:
            if not any(note.text != other and note.text in other for other in texts):
                runs = told.setdefault(note.code, {}).setdefault(note.text, [])
                runs += [] if row.run in runs else [row.run]
    found = []
    for by_text in told.values():
        merged = merged_text({text: whose(runs, rows) for text, runs in by_text.items()})
        found += [Remark(merged)] if merged else [Remark(f"{whose(runs, rows)}: {text}") for text, runs in by_text.items()]
    return tuple(found)


def _name(row: RunRow, *, with_device: bool) -> str:
    if row.imported:  # its recipe and format are unknown; its label says what ran on what
        return row.artifact
    batch = f", batch {row.batch}" if row.batch > 1 else ""
    what = row.recipe if row.format == "unknown" else f"{row.recipe} {row.format}"
    return f"{what}{f' on {row.device}' if with_device else ''}{batch}"


def whose(runs: Sequence[str], rows: Sequence[RunRow]) -> str:
    """Return which runs: all, all of one side, or their names."""
    names = run_names(rows)
    if len(runs) == len(rows) > 1:
        return "every run"
    for side in (Side.DEVICE, Side.CLOUD):
        if set(runs) == {row.run for row in rows if row.side is side} and len(runs) > 1:
            return f"every {side.value} run"
    return ", ".join(names[run] for run in runs)


def merged_text(who: Mapping[str, str]) -> str:
    """Return one line for texts that share most of their words: "drifted by ... over the run: +51 % (int8), +46 % (fp16)"; else ""."""
    words = [text.split() for text in who]
    if len(words) < 2:
        return ""
    head = _shared(words)
    tail = _shared([list(reversed(line[head:])) for line in words])
    if tail and words[0][-tail] == "%":
        tail -= 1
    if head + tail <= max(map(len, words)) / 2:
        return ""
    own = [" ".join(line[head : len(line) - tail]) or "nothing" for line in words]
    first = words[0]
    frame = " ".join([*first[:head], "...", *first[len(first) - tail :]])
    return f"{frame}: {'; '.join(f'{middle} ({runs})' for middle, runs in zip(own, who.values(), strict=True))}"


def _shared(lines: Sequence[Sequence[str]]) -> int:
    count = 0
    for column in zip(*lines, strict=False):
        if len(set(column)) > 1:
            break
        count += 1
    return count
