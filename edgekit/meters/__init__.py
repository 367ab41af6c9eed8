"""Read instruments: one small file per meter."""
