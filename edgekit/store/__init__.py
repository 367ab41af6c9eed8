"""Keep run records and their raw traces on disk."""
