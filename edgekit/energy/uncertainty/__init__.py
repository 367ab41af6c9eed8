"""Combine errors into intervals, and say what would narrow them."""
