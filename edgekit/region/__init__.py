"""Measure regions of users' own programs, with the counters that the runner reads. Light to import: arithmetic loads with the result."""
