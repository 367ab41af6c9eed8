"""Answer requests until standard input ends: `PYTHON runner.pyz infer`, `sample`, `keep` or `prepare`.

A request is {"id": n, "op": name, ...}; its reply {"id": n, "ok": true, ...} or {"id": n, "ok": false, "error": {"code", "what", "why"}}.
Events come unasked: {"event": name, ...}.
"""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import sys
import time
import traceback
from typing import Any, Callable, Dict, List, Optional

from . import PROTOCOL, condition, counters, facts
from .burn import Burner
from .infer import Inference
from .keep import Keeper
from .prepare import Preparation, leave_gently, mend
from .sample import Sampler
from .wire import Message, Refusal, Wire, reserve

NAP_NS = 200_000_000  # a request to the sampler waits so long at most; looking for one more often costs as much as reading

Operation = Callable[[Message], Message]


class Common:
    """Answer what every runner process is asked."""

    def __init__(self, mode: str) -> None:
        self.mode = mode

    def operations(self) -> Dict[str, Operation]:
        """Return the operations by name."""
        known = (self.hello, self.clock, self.facts, self.condition, mend, self.probe)
        return {operation.__name__: operation for operation in known}

    def hello(self, request: Message) -> Message:
        """Say who answers; refuse another protocol."""
        if request.get("protocol") != PROTOCOL:
            why = f"runner {PROTOCOL}, host {request.get('protocol')}"
            raise Refusal("protocol.mismatch", "this runner speaks another protocol", why, protocol=PROTOCOL)
        return {
            "protocol": PROTOCOL,
            "mode": self.mode,
            "pid": os.getpid(),
            "python": platform.python_version(),
            "platform": sys.platform,
            "clock": "CLOCK_MONOTONIC",
        }

    def clock(self, request: Message) -> Message:
        """Return the monotonic time in nanoseconds, read as late as possible."""
        return {"ns": time.monotonic_ns()}

    def facts(self, request: Message) -> Message:
        """Return what can be read on this machine."""
        return facts.read(request.get("roots") or {})

    def condition(self, request: Message) -> Message:
        """Return the facts that change while a run lasts; costs milliseconds."""
        known, reasons = condition.read(request.get("roots") or {})
        return {"facts": known, "reasons": reasons}

    def probe(self, request: Message) -> Message:
        """Return what each named counter offers here."""
        return {"counters": {name: counters.probe(name, request.get("roots") or {}) for name in request.get("counters") or []}}


def serve(wire: Wire, service: Any, operations: Dict[str, Operation]) -> None:
    """Answer until the host says bye or goes away. `service.tick()` does what is due and returns seconds to the next time, or None."""
    while True:
        request: Optional[Message] = None
        try:
            request = wire.read(service.tick())
            if request is None:
                continue
            if request.get("op") == "bye":
                wire.write({"id": request.get("id"), "ok": True})
                return
            operation = operations.get(str(request.get("op")))
            if operation is None:
                raise Refusal("protocol.op", f"no operation is called {request.get('op')!r}", "known: " + ", ".join(sorted(operations)))
            wire.write({"id": request.get("id"), "ok": True, **operation(request)})
        except EOFError:
            return
        except Refusal as refusal:
            wire.write({"id": request.get("id") if request else None, "ok": False, "error": refusal.error})
        except Exception as error:
            traceback.print_exc()
            told = {"code": "runner.bug", "what": f"the runner failed: {type(error).__name__}", "why": str(error)}
            wire.write({"id": request.get("id") if request else None, "ok": False, "error": told})


def main(argv: Optional[List[str]] = None) -> int:
    """Run one process of the runner; return its exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments not in (["infer"], ["sample"], ["keep"], ["prepare"]):
        sys.stderr.write("usage: runner.pyz infer|sample|keep|prepare\n")
        return 2
    mode = arguments[0]
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # NVML's order: the first GPU of CUDA is then the one that is read
    wire = reserve()
    if mode in ("keep", "prepare"):
        return _hold(wire, mode)
    if mode == "sample":
        gc.disable()  # nothing here makes cycles, and a collection would fall between two readings
    service = Inference(wire.gone) if mode == "infer" else Sampler(wire.write, nap_ns=NAP_NS)
    with contextlib.suppress(EOFError):
        loads = Burner(wire.gone).operations() if mode == "infer" else {}
        serve(wire, service, {**Common(mode).operations(), **service.operations(), **loads})
    return 0


def _hold(wire: Wire, mode: str) -> int:
    """Hold the machine, or what was prepared on it, until the host lets go of it or has gone."""
    if mode == "prepare":
        leave_gently()
    holder = Keeper() if mode == "keep" else Preparation()
    try:
        serve(wire, holder, {**Common(mode).operations(), **holder.operations()})
    except EOFError:
        pass  # the host has gone in the middle of an answer
    finally:
        if mode == "prepare":
            leave_gently(never=True)
        holder.close()
    return 0
