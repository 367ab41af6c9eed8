"""Emulate instruments on one plant, faithfully enough that unmodified programs read them: see README.md."""
