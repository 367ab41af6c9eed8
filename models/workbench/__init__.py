"""Hold what all builds of the reference models share. A model's build.py states its graph and its data; the rest is here."""

from __future__ import annotations

import os

# Before Keras is imported: one backend, no talk, no GPU, and one rounding order, so that a machine repeats its own weights.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
