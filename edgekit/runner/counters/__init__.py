"""Find and open the energy counters of this machine, one small module per kind.

A module offers `probe(roots)`, which returns

    {"usable": bool, "channels": [{"id", "domain", "parent", "raw_unit", "quantum", "wrap", "measurand", "detail"}, ...],
     "why": reason it is not usable, "do": [[advice, command], ...], "detail": one sentence, "notes": [sentences]}

and `start(roots, pids)`, which returns an object with `readers`: [(channel id, function that returns one raw value), ...], `max_hz`
(reading faster tells nothing new) and `close()`.
`domain` is the counter's own name for the place ("package", "core", "dram", "psys", "gpu", "process"), `parent` the id of the channel that
contains this one. Channel ids are "<counter>.<place>[.<part>]". `roots` replaces folders such as "powercap" and "proc" in tests.
"""

from __future__ import annotations

import importlib
from typing import Any, Dict, Mapping, Sequence

from ..wire import Refusal

NAMES = ("rapl", "nvml", "cputime")


def probe(name: str, roots: Mapping[str, str]) -> Dict[str, Any]:
    """Return what the counter `name` offers here; an unknown name or a failing driver is not usable and says why."""
    if name not in NAMES:
        return refused(f"this runner knows no counter {name!r}", "known: " + ", ".join(NAMES))
    try:
        found: Dict[str, Any] = _module(name).probe(roots)
        return found
    except Exception as error:
        return refused(f"looking for {name} failed: {type(error).__name__}: {error}")


def start(name: str, roots: Mapping[str, str], pids: Sequence[int]) -> Any:
    """Return the open counter `name`; raise Refusal when it is not usable."""
    found = probe(name, roots)
    if not found["usable"]:
        raise Refusal("counter.unusable", f"the counter {name} cannot be read", found["why"], do=found["do"])
    return _module(name).start(roots, pids)


def refused(why: str, detail: str = "", do: Sequence[Sequence[str]] = ()) -> Dict[str, Any]:
    """Return the probe of a counter that cannot be used."""
    return {"usable": False, "channels": [], "why": why, "detail": detail, "do": [list(pair) for pair in do], "notes": []}


def offered(channels: Sequence[Mapping[str, Any]], detail: str = "", notes: Sequence[str] = ()) -> Dict[str, Any]:
    """Return the probe of a counter that can be used."""
    blank = {"parent": None, "quantum": 1, "wrap": None, "measurand": "energy_counter", "detail": ""}
    rows = [{**blank, **channel} for channel in channels]
    return {"usable": True, "channels": rows, "why": "", "detail": detail, "do": [], "notes": list(notes)}


def _module(name: str) -> Any:
    return importlib.import_module("." + name, __package__)
