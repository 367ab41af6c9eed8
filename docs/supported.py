"""Write SUPPORTED.md from what the drivers say of themselves and from docs/meters/proofs.toml: `python docs/supported.py`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from edgekit.config import Config
from edgekit.core.channel import Measurand, MeterSpec
from edgekit.flows.emulate import EmulationRequest, emulated
from edgekit.metering import meter_choice, open_host_meter
from edgekit.registry import METERS, meter_class
from edgekit.sim.emulators.kinds import EMULATED

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "SUPPORTED.md"
PROOFS = ROOT / "docs" / "meters" / "proofs.toml"

HEAD = """\
# Power meters that edgekit reads

Written by `docs/supported.py`. Nobody has run the driver of any instrument on the real thing yet: the column "hardware" is empty because of
that, and stays so until somebody does.

- **emulator**: the driver reads an emulated instrument that speaks its protocol, from end to end, and 200 runs of each agree with the true
  joules as often as they state ([how it is judged](docs/meters/proofs.md)). The emulator was written from the same description as the
  driver, so both may share a mistake.
- **published data**: the parser reproduces bytes that others published.
- **independent client**: a program that is not ours read our emulator and got its true values.
- **hardware**: somebody ran it on the real thing; the entry says who, when and with which firmware.
"""
TAIL = """
## Contribute a capture

Ten seconds of a real instrument tell more than everything above. With it connected to a load that you know:

    edgekit meters capture KIND --seconds 10 --out KIND.jsonl

The file holds the bytes with their times and what the driver made of them; serial numbers are replaced by zeros. Look through it, and send
it with the instrument's model, its firmware version and what its own screen showed meanwhile. It becomes a test of the driver
(`edgekit.links.captured` repeats it), and the instrument's line above gets its proof.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the page."""
    proofs = tomllib.loads(PROOFS.read_text(encoding="utf-8"))
    instruments = [kind for kind in METERS if kind not in ("sim", "replay") and not hasattr(meter_class(kind), "counter")]
    counters = [kind for kind in METERS if hasattr(meter_class(kind), "counter")]
    lines = [
        HEAD,
        "## Instruments on this host\n",
        "| meter | where | values a second | accuracy, as stated | emulator | published data | independent client | hardware |",
        "|---|---|---:|---|---|---|---|---|",
        *(instrument(kind, proofs.get(kind, {})) for kind in sorted(instruments)),
        "\n## Counters of the device itself\n",
        "| meter | emulator | published data | independent client | hardware |",
        "|---|---|---|---|---|",
        *(f"| `{kind}` | {proofs.get(kind, {}).get('emulator', '')} | {proved(proofs.get(kind, {}))} |" for kind in counters),
    ]
    return "\n".join(lines) + "\n" + TAIL


def instrument(kind: str, proofs: Mapping[str, str]) -> str:
    """Return the row of one instrument: what its driver says at its emulator, and what is proven."""
    if kind not in EMULATED:
        return f"| {_linked(kind)} | | | | {proofs.get('emulator', 'none')} | {proved(proofs)} |"
    spec = spec_of(kind)
    power = next((item for item in spec.channels if item.measurand in (Measurand.POWER, Measurand.CURRENT)), spec.channels[0])
    hz = spec.effective_hz or spec.nominal_hz
    doubt = "" if spec.accuracy.verified or "unverified" in spec.accuracy.source else ", unverified"
    facts = f"{power.boundary} | {'' if hz is None else f'{hz:g}'} | {spec.accuracy.source}{doubt}"
    return f"| {_linked(kind)} | {facts} | yes | {proved(proofs)} |"


def spec_of(kind: str) -> MeterSpec:
    """Return what the driver of a kind says of its emulated instrument."""
    with emulated(EmulationRequest(kind=kind)) as emulation:
        meter = open_host_meter(meter_choice(emulation.meter, Config(path=None, runs=ROOT)))
        try:
            return meter.spec()
        finally:
            meter.stop()


def proved(proofs: Mapping[str, str]) -> str:
    """Return the last three cells of a row."""
    return " | ".join(proofs.get(name, "") for name in ("published", "independent", "hardware"))


def _linked(kind: str) -> str:
    """Return the kind with a link to the page that tells how it is used: its own, or that of meters without a driver."""
    own = PROOFS.parent / f"{kind}.md"
    return f"[`{kind}`](docs/meters/{own.name if own.exists() else 'generic.md'})"


if __name__ == "__main__":
    main()
