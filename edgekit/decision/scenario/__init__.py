"""Read how a product is used: the lines of a scenario file, their kinds, limits and contradictions."""
