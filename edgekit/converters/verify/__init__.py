"""Prove a conversion: compare the artifact with its source and count what was achieved."""
