"""Ask an instrument about itself: plan (pure) -> conduct (effects) -> analyse (pure).

    idle -> load at random -> steady load -> square waves whose period is close to what was found until then -> idle

Meanwhile the instrument is read as fast as is useful. What is found is stored for this instrument behind this driver, and used by every
later run; the readings are kept beside it.
"""

from edgekit.flows.selftest.flow import SelftestResult, selftest
from edgekit.flows.selftest.plan import SelftestRequest

__all__ = ["SelftestRequest", "SelftestResult", "selftest"]
