"""Bring the times of a meter and of windows onto one clock."""
