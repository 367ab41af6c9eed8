"""Infer in the plainest way there is: a `for` loop over set_tensor, invoke, get_tensor.

`python bare.py MODEL SAMPLES` reads seconds, a line each, and writes nanoseconds and inferences.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def main() -> None:
    interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
    interpreter.allocate_tensors()
    source, sink = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    with np.load(sys.argv[2]) as file:
        (samples,) = file.values()
    inputs = [np.ascontiguousarray(sample[np.newaxis]) for sample in samples]
    set_tensor, invoke, get_tensor = interpreter.set_tensor, interpreter.invoke, interpreter.get_tensor

    def infer(count: int) -> int:
        row = [inputs[place % len(inputs)] for place in range(count)]
        began = time.monotonic_ns()
        for x in row:
            set_tensor(source, x)
            invoke()
            get_tensor(sink)
        return time.monotonic_ns() - began

    mean_ns = infer(20) / 20
    for line in sys.stdin:
        infer(3)  # as often as the runner, before it starts its clock: caches are as warm for one as for the other
        count = max(3, round(float(line) * 1e9 / mean_ns))
        spent_ns = infer(count)
        mean_ns = spent_ns / count
        print(spent_ns, count, flush=True)


main()
