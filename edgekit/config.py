"""Read and write edgekit.toml."""
