"""Reach the machines on which models run: one small file per kind."""
