"""Time a whole decision and its report at 200,000 draws, stage by stage.

    python benchmarks/decision/run.py [--draws N] [--rounds N] [--check]

Two device runs and two cloud runs of made-up figures are judged under all accounting views, weighed and rendered. Stages inside the
decision are the cumulative times of their functions, from a profile of the same call; what they share falls to the first of them.
With --check the exit status is 1 when the decision takes more than 3 s or everything more than 10 s.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import platform
import pstats
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from edgekit.core.decision import Decision
from edgekit.core.jsonio import dump_record
from edgekit.decision.constants.pack import load_constants
from edgekit.decision.decide import decide
from edgekit.decision.draws.montecarlo import DRAWS, _stream
from edgekit.decision.scenario.read import parse_scenario
from edgekit.flows.report import asset
from edgekit.reports import charts, html, markdown
from edgekit.reports.model import build

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.machine import machine
from tests.reports.records import artifact, cloud_gpu, edge_wall

RESULTS = Path(__file__).resolve().parents[1] / "results"
DECIDE_S, ALL_S = 3.0, 10.0
SCENARIO = """payload = "100 kB"
device.region = "DE"
cloud.region = "SE"
latency_limit = "2 s"
"""
STAGES = {
    "draw the inputs": ("montecarlo.py", "draw"),
    "judge all views": ("views.py", "judge"),
    "break-evens": ("weigh.py", "_flips"),
    "tornado": ("tornado.py", "tornado"),
    "worth of knowing": ("worth.py", "worth"),
    "cascade and split": ("alternatives.py", "alternatives"),
    "curves": ("curves.py", "curves"),
    "carbon over all views": ("criteria.py", "carbon"),
    "money over all views": ("criteria.py", "money"),
    "regime": ("regime.py", "regime_of"),
    "rank correlations": ("outcome.py", "_influences"),
    "slots": ("slots.py", "entries"),
}


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Return the seconds that `work` takes, and what it returns."""
    begin = time.perf_counter()
    found = work()
    return time.perf_counter() - begin, found


def main() -> int:
    """Measure, write results/decision.{md,json}, and return the exit status."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--draws", type=int, default=DRAWS)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--check", action="store_true")
    asked = words.parse_args()
    constants = load_constants(files("edgekit.decision.constants").joinpath("constants.toml").read_text(encoding="utf-8"))
    scenario = parse_scenario(SCENARIO, where="scenario.toml", constants=constants)
    runs = [
        edge_wall("fp32", model=artifact(recipe="fp32")),
        edge_wall("int8", joules=1.86, seconds=0.33),
        cloud_gpu(joules=0.02, seconds=1e-3),
        cloud_gpu("b64", joules=0.004, seconds=1e-4, batch=64),
    ]

    def once() -> Decision:
        _stream.cache_clear()
        return decide(runs, scenario, constants, draws=asked.draws)

    decision = once()
    seconds = [timed(once)[0] for _ in range(asked.rounds)]
    profile = cProfile.Profile()
    profile.runcall(once)
    spent = {(Path(place[0]).name, place[2]): row[3] for place, row in pstats.Stats(profile).stats.items()}  # type: ignore[attr-defined]
    whole = spent["decide.py", "decide"]
    decide_s = statistics.median(seconds)
    stages = {name: decide_s * spent.get(key, 0.0) / whole for name, key in STAGES.items()}
    stages["the rest of the decision"] = max(0.0, decide_s - sum(stages.values()))  # the cascade draws inputs of its own: counted twice
    model = build(decision, runs)
    drawing = timed(lambda: charts.draw(model))
    stages["report: charts"] = drawing[0]
    texts = {name: asset(f"report.{end}") for name, end in (("template", "html.j2"), ("style", "css"), ("script", "js"))}

    def written() -> None:
        html.render(model, charts=drawing[1], **texts)  # type: ignore[arg-type]
        markdown.render(model)
        dump_record(model)

    stages["report: HTML, Markdown, JSON"] = timed(written)[0]
    total = decide_s + sum(seconds_of for name, seconds_of in stages.items() if name.startswith("report"))
    found = {"draws": asked.draws, "views": len(decision.views), "decide_s": decide_s, "all_s": total, "stages_s": stages}
    write(found, asked.rounds)
    print((RESULTS / "decision.md").read_text(encoding="utf-8"), end="")
    return int(asked.check and (decide_s > DECIDE_S or total > ALL_S))


def write(found: dict, rounds: int) -> None:
    """Write both files of the result."""
    total = found["all_s"]
    rows = [f"| {name} | {1000 * s:.0f} | {100 * s / total:.0f} % |" for name, s in found["stages_s"].items()]
    today = time.strftime("%Y-%m-%d", time.gmtime())
    text = [
        "# A decision and its report",
        "",
        f"{found['draws']:,} draws, {found['views']} views, median of {rounds} rounds, {today}.",
        f"Python {platform.python_version()}, numpy {version('numpy')}, {machine()}.",
        "The decision is pure arithmetic in numpy on one core; charts are rendered by vl-convert, once, its start included.",
        f"The limits are {DECIDE_S:.0f} s and {ALL_S:.0f} s (`python benchmarks/decision/run.py --check`).",
        "",
        "| stage | ms | share |",
        "|---|---:|---:|",
        *rows,
        f"| **the decision** | **{1000 * found['decide_s']:.0f}** | {100 * found['decide_s'] / total:.0f} % |",
        f"| **everything** | **{1000 * total:.0f}** | 100 % |",
        "",
    ]
    (RESULTS / "decision.md").write_text("\n".join(text), encoding="utf-8")
    (RESULTS / "decision.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
