"""Say which engines a machine can install: what has been published as ready-made wheels for its processor, Python and C library.

Checked in 2026 with `pip download` for each system's own platform tags; rows that were not checked say so.

    system               Python  glibc  ai-edge-litert  tflite-runtime  onnxruntime
    bullseye, 64 bits    3.9     2.31   2.1.0           2.13.0          1.19.2
    bookworm, 64 bits    3.11    2.36   2.3.0           2.14.0          1.31.1
    trixie, 64 bits      3.13    2.41   2.3.0           -               1.31.1
    Ubuntu 22.04, ARM    3.10    2.35   2.3.0           -               1.23.2 (no GPU)
    bookworm, 32 bits    3.11    2.36   -               2.14.0          -
    trixie, 32 bits      3.13    2.41   -               -               -
"""

from __future__ import annotations

from dataclasses import dataclass

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Hold what decides which wheels fit: processor as its Python sees it, Python's version, glibc's (None: another C library)."""

    machine: str
    python: Version
    glibc: Version | None

    def __str__(self) -> str:
        """Return "Python 3.11 on armv7l"."""
        library = f"glibc {_dotted(self.glibc)}" if self.glibc else "a C library that is not glibc"
        return f"Python {_dotted(self.python)} on {self.machine} with {library}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Hold one engine for some systems: the package that carries it, what pip is told, and the room it takes with its dependencies.

    `clashes` are packages that hold the same module in another build: pip would leave both half there.
    """

    engine: str
    package: str
    requirements: tuple[str, ...]
    module: str
    machines: tuple[str, ...]
    oldest: Version
    newest: Version
    glibc: Version
    size_bytes: float
    checked: bool = True
    clashes: tuple[str, ...] = ()

    def fits(self, site: Site) -> bool:
        """Return whether such wheels exist for a system."""
        return (
            site.machine in self.machines
            and self.oldest <= site.python[:2] <= self.newest
            and site.glibc is not None
            and site.glibc >= self.glibc
        )


_64 = ("aarch64", "x86_64")
OFFERS = (
    Offer(
        engine="litert",
        package="ai-edge-litert",
        requirements=("ai-edge-litert>=2.1,<3",),
        module="ai_edge_litert.interpreter",
        machines=_64,
        oldest=(3, 9),
        newest=(3, 14),
        glibc=(2, 27),
        size_bytes=137e6,
    ),
    Offer(
        engine="tflite-runtime",
        package="tflite-runtime",
        requirements=("tflite-runtime==2.14.0", "numpy<2"),  # with numpy 2 it is installed, imported, and fails when a model is loaded
        module="tflite_runtime.interpreter",
        machines=(*_64, "armv7l"),
        oldest=(3, 11),
        newest=(3, 11),
        glibc=(2, 34),
        size_bytes=84e6,
    ),
    Offer(
        engine="tflite-runtime",
        package="tflite-runtime",
        requirements=("tflite-runtime>=2.11,<2.15", "numpy<2"),
        module="tflite_runtime.interpreter",
        machines=(*_64, "armv7l"),
        oldest=(3, 9),
        newest=(3, 11),
        glibc=(2, 17),
        size_bytes=84e6,
        checked=False,
    ),
    Offer(
        engine="onnxruntime",
        package="onnxruntime",
        requirements=("onnxruntime>=1.19,<2",),
        module="onnxruntime",
        machines=_64,
        oldest=(3, 9),
        newest=(3, 14),
        glibc=(2, 27),
        size_bytes=68e6,
    ),
    Offer(
        engine="onnxruntime-cuda",
        package="onnxruntime-gpu",
        requirements=("onnxruntime-gpu[cuda,cudnn]>=1.21,<2", "nvidia-ml-py>=12"),  # its CUDA libraries are found since 1.21
        module="onnxruntime",
        machines=("x86_64",),
        oldest=(3, 10),
        newest=(3, 14),
        glibc=(2, 28),
        size_bytes=3e9,
        checked=False,
        clashes=("onnxruntime",),
    ),
    Offer(
        engine="torch-cuda",
        package="torch",
        requirements=("torch>=2.9,<3", "onnx>=1.17", "nvidia-ml-py>=12"),
        module="torch",
        machines=("x86_64",),
        oldest=(3, 10),
        newest=(3, 14),
        glibc=(2, 28),
        size_bytes=6e9,
        checked=False,
    ),
)
ENGINES = tuple(dict.fromkeys(offer.engine for offer in OFFERS))


def offers(site: Site) -> dict[str, Offer]:
    """Return the offer of each engine that can be installed there, in the order of preference."""
    found: dict[str, Offer] = {}
    for offer in OFFERS:
        if offer.fits(site):
            found.setdefault(offer.engine, offer)
    return found


def usual(site: Site, *, gpu: bool = False) -> list[Offer]:
    """Return what a machine needs to run .tflite and .onnx artifacts: one engine for each where there is one; or .onnx on its GPU."""
    there = offers(site)
    if gpu:
        return [there["onnxruntime-cuda"]] if "onnxruntime-cuda" in there else []
    lite = next((there[name] for name in ("litert", "tflite-runtime") if name in there), None)
    return [offer for offer in (lite, there.get("onnxruntime")) if offer is not None]


def _dotted(version: Version) -> str:
    return ".".join(map(str, version[:2]))
