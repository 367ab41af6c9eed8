"""Own the only doors to the world: clock, files, processes. Injected everywhere."""
