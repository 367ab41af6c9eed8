"""Offer edgekit to Python programs."""

from __future__ import annotations

from edgekit.core.quantity import Estimate, Quantity, Unknown

__all__ = ["Estimate", "Quantity", "Unknown"]
