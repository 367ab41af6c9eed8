"""Hold the udev rules for the meters that edgekit knows, and the script that installs them."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

RULES_FILE: Final = "/etc/udev/rules.d/60-edgekit.rules"


def rules() -> str:
    """Return the rules."""
    return files(__name__).joinpath("60-edgekit.rules").read_text(encoding="utf-8")


def script() -> str:
    """Return a shell script that installs them and lets the user who called sudo into their group."""
    return f"""\
# Look through this, then install it with:   edgekit meters udev | sudo sh
set -e
getent group plugdev >/dev/null || groupadd --system plugdev
cat > {RULES_FILE} <<'RULES'
{rules()}RULES
if [ -n "$SUDO_USER" ] && [ "$SUDO_USER" != root ]; then usermod -aG plugdev "$SUDO_USER"; fi
udevadm control --reload-rules
udevadm trigger --subsystem-match=tty --subsystem-match=hidraw --subsystem-match=usb
echo "installed {RULES_FILE}; plug the meter in again, and log in again where the group plugdev is new to you"
"""
