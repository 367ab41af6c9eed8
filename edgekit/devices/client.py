"""Ask one runner process: requests out, replies and events in, every failure an error that says what to do."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

from edgekit.core.errors import EdgekitError, HardwareError, ModelError, SetupError, UsageError, missing_extra
from edgekit.core.trace import ClockMap
from edgekit.links.shell import Process

Install = Callable[[str], tuple[str, str]]
PROTOCOL = 1  # the runner's number; a test compares the two
EXCHANGES = 10

_EXTRAS = {
    "ai-edge-litert": "tflite",
    "tflite-runtime": "tflite-legacy",
    "onnxruntime": "onnx",
    "onnx": "onnx",
    "torch": "torch",
}
_CLASSES: tuple[tuple[str, type[EdgekitError]], ...] = (
    ("model.", ModelError),
    ("samples.", UsageError),
    ("processing.", UsageError),
    ("engine.unknown", UsageError),
    ("engine.missing", SetupError),
    ("engine.delegate_unsupported", UsageError),
    ("engine.delegate", SetupError),
    ("engine.too_old", SetupError),
    ("engine.numpy", SetupError),
    ("engine.precision", UsageError),
    ("engine.fallback", SetupError),
)
_ADVICE: Mapping[str, tuple[str, str]] = {
    "engine.precision": ("see what each engine computes in:", "edgekit bench --help"),
    "engine.delegate": ("see whether the library and what it needs are there:", "ldd DELEGATE"),
    "engine.delegate_unsupported": ("run a .tflite artifact with it:", "edgekit bench ARTIFACT.tflite --engine litert --delegate DELEGATE"),
    "model.format": ("convert it to a format that this device runs:", "edgekit convert MODEL --to tflite --to onnx"),
    "model.memory": ("use a smaller batch:", "edgekit bench ARTIFACT --batch 1"),
    "model.refused": ("check that the file is whole, or convert it again:", "edgekit convert MODEL"),
    "model.batch": ("or use the batch the model was converted with:", "edgekit bench ARTIFACT --batch 1"),
    "samples.shape": ("convert again with data of the shape the model wants:", "edgekit convert MODEL --calib DATA"),
    "samples.dtype": ("convert again with data of the type the model wants:", "edgekit convert MODEL --calib DATA"),
}


class Client:
    """Hold one runner process and its conversation; `install` turns a package that is missing there into advice and command."""

    def __init__(self, process: Process, *, device: str, install: Install | None = None) -> None:
        self.process = process
        self._device = device
        self._install = install
        self._count = 0
        self._delegate = ""
        self.hello: Mapping[str, Any] = {}

    def greet(self) -> None:
        """Exchange protocol numbers; raise HardwareError when the other end is no runner of ours."""
        self.hello = self.ask("hello", protocol=PROTOCOL, timeout_s=30.0)

    @property
    def pid(self) -> int | None:
        """Return the runner's process id on its machine."""
        return self.hello.get("pid")

    def ask(self, op: str, *, timeout_s: float, **fields: Any) -> dict[str, Any]:
        """Return the reply to one request; raise the error the runner sent, or HardwareError when it died, is silent or talks nonsense."""
        self._delegate = str(fields.get("delegate") or "")
        self.send(op, **fields)
        deadline = time.monotonic() + timeout_s
        while True:
            message = self.receive(max(0.0, deadline - time.monotonic()), waiting_for=op)
            if message.get("id") == self._count:
                return self.checked(message)

    def send(self, op: str, **fields: Any) -> int:
        """Send one request; return its number."""
        self._count += 1
        try:
            self.process.write_line(json.dumps({"id": self._count, "op": op, **fields}))
        except HardwareError as error:
            self.receive(1.0, waiting_for=op)  # whatever it said before it ended says more: raises for a line that is no message
            raise self.died(op) from error
        return self._count

    def receive(self, timeout_s: float | None, *, waiting_for: str) -> dict[str, Any]:
        """Return the next message of any kind."""
        try:
            line = self.process.read_line(timeout_s)
        except TimeoutError as error:
            raise HardwareError(
                f"the runner on {self._device} did not answer {waiting_for!r} in time",
                code="runner.silent",
                why=self.process.complaints() or "it runs, but sent nothing",
                do=[("see whether the machine is overloaded:", "uptime")],
            ) from error
        if line is None:
            raise self.died(waiting_for)
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise HardwareError(f"the runner on {self._device} sent a line that is no message", code="runner.garbage", why=line[:200])
        return message

    def checked(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return a reply that is ok; raise the error it carries."""
        if message.get("ok"):
            return message
        error = message.get("error") or {}
        raise self._error(str(error.get("code")), str(error.get("what")), str(error.get("why") or ""), error)

    def died(self, op: str) -> EdgekitError:
        """Return the error for a runner that ended while `op` was asked."""
        self.process.close(0.5)
        status = self.process.returncode
        how = f"signal {-status}" if status is not None and status < 0 else f"exit status {status}"
        tail = self.process.complaints()
        why = f"{how}\n{tail}" if tail else f"{how}, and it said nothing"
        if op == "load" and self._delegate:
            return SetupError(
                f"the engine on {self._device} died while it loaded the model with the delegate {self._delegate}",
                code="engine.delegate",
                why=why,
                do=[("see whether the model runs without it:", "edgekit bench ARTIFACT")],
            )
        if op == "load" and status == -signal.SIGKILL:
            return HardwareError(
                f"the engine on {self._device} was killed while it loaded the model",
                code="device.memory",
                why=f"{why}: systems do that to a program when memory runs out",
                do=[("see whether it was that, on the machine:", "dmesg | tail"), ("make it smaller:", "edgekit convert MODEL -r int8")],
            )
        if op == "load":
            return ModelError(
                f"the engine on {self._device} died while it loaded the model",
                code="model.crashed",
                why=why,
                do=[("check that the file is whole; convert it again:", "edgekit convert MODEL")],
            )
        return HardwareError(f"the runner on {self._device} died during {op!r}", code="runner.died", why=why)

    def clock_map(self, source: str, target: str) -> ClockMap:
        """Return the map from the runner's clock to this host's from the tightest of several request/reply pairs.

        The runner's reading lies between sending and receiving; the midpoint errs by at most half their distance.
        """
        exchanges = []
        for _ in range(EXCHANGES):
            before = time.monotonic_ns()
            there = int(self.ask("clock", timeout_s=10.0)["ns"])
            after = time.monotonic_ns()
            exchanges.append((after - before, there, (before + after) // 2))
        width, there, here = min(exchanges)
        return ClockMap(source=source, target=target, offset_ns=here - there, bracket_ns=(width + 1) // 2, at_ns=there)

    def close(self) -> None:
        """Say bye and end the process."""
        if self.process.returncode is None:
            with contextlib.suppress(EdgekitError):
                self.send("bye")
        self.process.close()

    def _error(self, code: str, what: str, why: str, data: Mapping[str, Any]) -> EdgekitError:
        if code == "engine.missing":
            package = str(data.get("package"))
            absent = missing_extra(package, _EXTRAS.get(package, "onnx"), f"device {self._device}")
            if self._install is not None:  # this host's extras do nothing for another machine
                absent.why, absent.do = f"{package} is not in the Python that runs there", (self._install(package),)
            return absent
        kind = next((kind for prefix, kind in _CLASSES if code.startswith(prefix)), HardwareError)
        do = [(str(advice), str(command)) for advice, command in data.get("do") or ()]
        do += [_ADVICE[code]] if code in _ADVICE else []
        if code == "engine.no_cuda":
            package = "onnxruntime-gpu" if "onnxruntime" in what else "torch"
            do.append(self._install(package) if self._install is not None else ("install its build for CUDA:", f"pip install {package}"))
        return kind(what, code=code, why=why, do=do, data={"device": self._device})
