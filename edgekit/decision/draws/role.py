"""Say what becomes of the answer where a scenario does not say whether the device exists anyway. Pure.

The default is that it does, and so no view charges its idle time. Were it bought for this and kept on, that time would be its own.
"""

from __future__ import annotations

from dataclasses import replace

from edgekit.core.quantity import Note
from edgekit.core.scenario import Scenario
from edgekit.decision.accounts.energy import Convention, NotComputable
from edgekit.decision.accounts.ledger import Ledger
from edgekit.decision.draws.montecarlo import SURE
from edgekit.decision.verdict.phrases import energy


def unstated_role(view: Convention, ledger: Ledger, scenario: Scenario) -> tuple[Note, ...]:
    """Return a remark where a device that is bought and kept on would get another answer than the one that exists anyway."""
    stated = "device.role" in scenario.given or scenario.device_power != "always_on"
    if stated or view.device == "dedicated":
        return ()
    try:
        own, kept, cloud = ledger.device(view), ledger.device(replace(view, device="dedicated")), ledger.cloud(view)
    except NotComputable:
        return ()
    before, after = (float((page.drawn_j < cloud.drawn_j).mean()) for page in (own, kept))
    if _answer(before) == _answer(after):
        return ()
    text = (
        f"the scenario does not say whether the device exists anyway, and this report takes it so; were it bought for this and kept on, "
        f"one inference would take {energy(kept.energy_j)} there, idle time included, against {energy(cloud.energy_j)} in the cloud"
    )
    return (Note(code="scenario.role", text=text, advice='state device.role = "exists_anyway", "bought" or "shared"'),)


def _answer(chance: float) -> int:
    return (chance >= SURE) - (chance <= 1 - SURE)
