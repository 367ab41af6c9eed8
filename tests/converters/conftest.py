from __future__ import annotations

from tests.converters.digits import digits
from tests.converters.zoo import zoo

__all__ = ["digits", "zoo"]
