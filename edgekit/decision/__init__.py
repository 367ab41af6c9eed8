"""Weigh device against cloud. Pure arithmetic on stated constants."""
