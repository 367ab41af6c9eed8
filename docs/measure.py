"""The examples of docs/measure.md: `python -m tests.instruments.run --plant laptop -- python docs/measure.py plain`."""

from __future__ import annotations

import sys

import edgekit


def decode(tokens: int) -> int:
    """Stand in for your own code: about 0.15 ms of work per token."""
    return sum(sum(i * i for i in range(2_000)) for _ in range(tokens))


def plain() -> None:
    """Measure one block."""
    with edgekit.measure("decode", meter="rapl") as m:
        decode(2000)
    print(m)


def units() -> None:
    """Count units of work, and look at the energy on the way."""
    with edgekit.measure("decode", meter="rapl") as m:
        for batch in range(20):
            decode(100)
            m.count(100)
            if batch == 9:
                print("half way:", m.running())
    print(m)


def short() -> None:
    """Measure what is too short for its meter: once, then repeated."""
    with edgekit.measure("one token", meter="rapl") as m:
        decode(1)
    print(m)
    with edgekit.measure("one token", meter="rapl") as m:
        for _ in m.repeat(at_least_s=0.25):
            decode(1)
    print(m)


def net() -> None:
    """Take the idle power off."""
    edgekit.measure.idle(2, meter="rapl")
    with edgekit.measure("decode", meter="rapl", align="tick") as m:
        decode(2000)
    print(m.explain())


if __name__ == "__main__":
    {"plain": plain, "units": units, "short": short, "net": net}[sys.argv[1]]()
