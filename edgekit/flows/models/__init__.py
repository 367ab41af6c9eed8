"""List the reference models that ship with edgekit, build one from code, and keep what its training cost."""

from __future__ import annotations

from edgekit.flows.models.build import BuildRequest, BuildResult, build_model
from edgekit.flows.models.cost import Measured, record_training
from edgekit.flows.models.shelf import ModelData, ModelPort, ReferenceModel, list_models

__all__ = [
    "BuildRequest",
    "BuildResult",
    "Measured",
    "ModelData",
    "ModelPort",
    "ReferenceModel",
    "build_model",
    "list_models",
    "record_training",
]
