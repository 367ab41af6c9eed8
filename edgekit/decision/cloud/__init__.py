"""Describe the cloud: the batches that a service can fill, and a modeled GPU where nothing was measured."""
