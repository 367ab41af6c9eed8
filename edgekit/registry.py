"""Map names to lazily imported classes."""
