"""Read from ptd_logs.txt which analyser measured, and what it said of its own uncertainty."""

from __future__ import annotations

import re
from pathlib import Path

from edgekit.core.channel import Accuracy
from edgekit.importers.base import text_of

_ACTIVE = re.compile(r"Uncertainty checking for (\S+) is activated")
_ABOVE = re.compile(r"Uncertainty (\d+(?:\.\d+)?)%")
_LIMIT, _MOST = 0.01, 1e6


def read(folder: Path) -> tuple[str, Accuracy]:
    """Return (analyser, its accuracy) from ptd_logs.txt in `folder` or in the folder "power" beside it.

    PTDaemon checks each sample's uncertainty against 1 %, and warns with the number where one is above; the limit is taken as the bound of
    a rectangular distribution (JCGM 100, 4.3.7).
    """
    for path in (folder / "ptd_logs.txt", folder.parent / "power" / "ptd_logs.txt"):
        if path.is_file():
            text = text_of(path, "PTDaemon's log")
            active = _ACTIVE.search(text)
            worst = max((min(float(found), _MOST) / 100 for found in _ABOVE.findall(text)), default=0.0)
            if active is None and worst == 0.0:
                break
            bound = max(_LIMIT, worst)
            source = f"{path.name}: PTDaemon checked every sample, none above {100 * bound:g} %"
            return (active[1] if active is not None else "analyser not named"), Accuracy(source=source, gain_rel=bound / 3**0.5)
    source = "no ptd_logs.txt is here: 1 % is the most that the MLPerf rules accept of any sample"
    return "analyser not named", Accuracy(source=source, gain_rel=_LIMIT / 3**0.5)
