"""Judge how a run went: warm-up, pace, enough windows, what disturbed it."""
