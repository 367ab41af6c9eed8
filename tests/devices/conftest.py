from __future__ import annotations

from tests.converters.digits import digits

__all__ = ["digits"]
