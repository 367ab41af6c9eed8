"""Hold a machine still for a run and put everything back; repair what a run that was killed has left."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Mapping

from edgekit.core.errors import EdgekitError, HardwareError
from edgekit.core.hardware import DeviceSpec
from edgekit.core.quantity import Note
from edgekit.devices.client import Client
from edgekit.links.ssh_address import ssh_address

GOVERNOR = "performance"
_PATIENCE_S = 300.0  # services take their time


def mended(client: Client, roots: Mapping[str, str]) -> tuple[Note, ...]:
    """Return what was put back on this connection because an earlier run could not."""
    told = client.ask("mend", roots=roots, timeout_s=_PATIENCE_S)["told"]
    return tuple(Note(code="prepare.mended", text=str(text)) for text in told)


@contextlib.contextmanager
def prepared(client: Client, spec: DeviceSpec, roots: Mapping[str, str]) -> Iterator[tuple[Note, ...]]:
    """Set the governor and stop the services of `spec` while the context is open; yield what was done, as notes.

    Whatever ends this program, the process behind `client` puts everything back. Raises HardwareError, with all as it was, where something
    may not be changed, and at the end where something could not be put back.
    """
    with contextlib.closing(client):
        try:
            reply = client.ask("apply", governor=GOVERNOR, services=list(spec.services), roots=roots, timeout_s=_PATIENCE_S)
        except EdgekitError as error:
            error.do = tuple((advice, there(spec, command)) for advice, command in error.do)
            raise
        try:
            yield tuple(Note(code="prepare.changed", text=str(text)) for text in reply["told"])
        except BaseException:
            with contextlib.suppress(EdgekitError):
                client.ask("restore", timeout_s=_PATIENCE_S)
            raise
        if left := client.ask("restore", timeout_s=_PATIENCE_S)["left"]:
            raise HardwareError(
                f"{spec.name} could not be put back as it was",
                code="prepare.left",
                why="; ".join(map(str, left)),
                do=[("try once more, by connecting again:", f"edgekit doctor --device {spec.typed}")],
            )


def there(spec: DeviceSpec, command: str) -> str:
    """Return a shell command to paste here that does the same on the machine of a device; sudo may ask for a password."""
    if spec.address is None or not spec.address.startswith("ssh:") or not command:
        return command
    plain = ssh_address(spec.address).command(command, config=spec.options.get("ssh_config"))
    return shlex.join(["ssh", "-t"]) + plain.removeprefix("ssh") if "sudo " in command else plain
