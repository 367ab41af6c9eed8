"""Compute joules and their uncertainty from raw traces. Pure arithmetic."""
