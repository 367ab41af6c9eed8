"""Say what it takes to find out what would change the answer: instruments and minutes of the full method, and rent where it is priced."""

from __future__ import annotations

import math

from edgekit.decision.numerals import multiple
from edgekit.energy.conduct.enough import METHOD_WINDOW_GPU_S, METHOD_WINDOW_S, METHOD_WINDOWS
from edgekit.reports.model import Report

_REST_S, _REST_GPU_S = 30.0, 135.0  # idle before and after, warm-up
_CHOICE = "decide which"  # what is advised where nothing can be measured


def finding_out(report: Report) -> str:
    """Return what finding out costs, a sentence without its stop; empty where nothing is advised that takes anything."""
    commands = " ; ".join(command for _, command in report.decision.verdict.commands)
    found = []
    if _CHOICE in (report.decision.verdict.next_measurement or ""):
        found.append("nothing for the network: that is a choice of accounting, not a measurement")
    if "edgekit meters --all" in commands:
        found.append(f"a meter for the device and about {_minutes(METHOD_WINDOW_S, _REST_S)} minutes of it")
    if "--device cuda" in commands or "edgekit models record" in commands:
        minutes = _minutes(METHOD_WINDOW_GPU_S, _REST_GPU_S)
        found.append(f"about {minutes} minutes of a machine with an NVIDIA GPU{_rent(report, minutes)}")
    return "; ".join(found)


def _minutes(window_s: float, rest_s: float) -> int:
    return math.ceil((METHOD_WINDOWS * (window_s + 1) + rest_s) / 60)


def _rent(report: Report, minutes: int) -> str:
    price = report.decision.scenario.price_gpu
    return f", {multiple(price.amount * 60 * minutes, 2)} {price.currency} of rent" if price is not None else ""
