"""Choose a run for each side, rule sides out, and say why one is missing."""
