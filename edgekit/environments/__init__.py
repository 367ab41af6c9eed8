"""Make and find Python environments for tools that cannot live beside edgekit: another Python, or packages that exclude ours.

data folder/environments/NAME/                           a virtual environment
data folder/environments/NAME/edgekit-environment.json   written last: without it the environment is not used
"""

from edgekit.environments.known import Known, known
from edgekit.environments.place import Environment, State, find, look, place

__all__ = ["Environment", "Known", "State", "find", "known", "look", "place"]
