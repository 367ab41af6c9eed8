from __future__ import annotations

from tests.converters.digits import digits
from tests.models.built import built

__all__ = ["built", "digits"]
