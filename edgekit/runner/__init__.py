"""Run on the target: infer in measured windows, read counters, answer JSON lines. Standard library only, apart from the engine."""

PROTOCOL = 1
