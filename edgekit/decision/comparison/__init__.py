"""Compare runs of one model with each other, and with published figures."""
