"""Find and open the energy counters of this machine, one small module per kind.

A module offers `probe(roots)`, which returns

    {"usable": bool, "channels": [{"id", "domain", "parent", "raw_unit", "quantum", "wrap", "measurand", "detail", ...}, ...],
     "why": reason it is not usable, "do": [[advice, command], ...], "detail": one sentence, "notes": [sentences]}

and `start(roots, pids, found)`, which opens what its probe `found` and returns an `Opened`.
`domain` is the counter's own name for the place ("package", "core", "dram", "psys", "gpu", "process"), `parent` the id of the channel that
contains this one. Channel ids are "<counter>.<place>[.<part>]". `roots` replaces folders such as "powercap", "perf", "sys" and "proc" in
tests, and carries the options in `OPTIONS`.

What only imitates hardware announces itself: a replaced root, EDGEKIT_EMULATED in the environment, the file `intel-rapl/edgekit_emulated`
in a powercap tree, or a GPU whose name starts with "Emulated". The probe then says "emulated": True.
"""

from __future__ import annotations

import importlib
import os
from typing import Any, Callable, Dict, List, Mapping, Sequence, Set, Tuple

from ..wire import Refusal

NAMES = ("rapl", "nvml", "jetson", "pmic", "hwmon", "cputime")
FOLDERS = frozenset({"powercap", "perf", "sys", "proc", "etc", "vcgencmd", "clock", "bin"})  # what roots may replace
OPTIONS = frozenset({"gpus", "hwmon_boundary"})  # settings that travel with the roots and replace no folder


class Gone(Exception):
    """Say that a channel will not come back: the device or its driver left. Any other exception of a reader may pass."""


class Opened:
    """Hold one open counter. `readers`: (channel id, function that returns one raw value); reading above `max_hz` tells nothing new.

    With `shared`, one access serves all readers, so they share one time. `ticking` names the counters that stand still between updates.
    """

    max_hz = 1000.0
    shared = False

    def __init__(self) -> None:
        self.readers: List[Tuple[str, Callable[[], float]]] = []
        self.ticking: Set[str] = set()

    def look(self) -> None:
        """Take note of the state of what is read, a few times a second."""

    def looked(self) -> Dict[str, float]:
        """Return what was seen of the state, by name."""
        return {}

    def close(self) -> None:
        """Release what is held; harmless when called twice."""


def probe(name: str, roots: Mapping[str, str]) -> Dict[str, Any]:
    """Return what the counter `name` offers here; an unknown name or a failing driver is not usable and says why."""
    if name not in NAMES:
        return refused(f"this runner knows no counter {name!r}", "known: " + ", ".join(NAMES))
    try:
        found: Dict[str, Any] = _module(name).probe(roots)
    except Exception as error:
        return refused(f"looking for {name} failed: {type(error).__name__}: {error}")
    if imitated(roots):
        found["emulated"] = True
    return found


def start(name: str, roots: Mapping[str, str], pids: Sequence[int]) -> Any:
    """Return the open counter `name`; raise Refusal when it is not usable."""
    found = probe(name, roots)
    if not found["usable"]:
        raise Refusal("counter.unusable", f"the counter {name} cannot be read", found["why"], do=found["do"])
    return _module(name).start(roots, pids, found)


def imitated(roots: Mapping[str, str]) -> bool:
    """Return True where every counter of this process is an imitation: a root was replaced, or the environment says so."""
    return bool(set(roots) - OPTIONS or os.environ.get("EDGEKIT_EMULATED"))


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
