"""Run on the target: load a model, infer, read counters, answer in JSON lines. Imports nothing of edgekit; Python 3.9."""

PROTOCOL = 1
