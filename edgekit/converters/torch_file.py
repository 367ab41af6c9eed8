"""Tell what PyTorch wrote into a file, and find the function that "module:function" names, without PyTorch."""

from __future__ import annotations

import re
import shlex
import zipfile
from pathlib import Path
from typing import Final

from edgekit.core.errors import ModelError, UsageError
from edgekit.links.files import sha256_of

_FUNCTION: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_PICKLE: Final = re.compile(rb"\x80[\x02-\x05]")
_EXPORT: Final = "torch.export.save(torch.export.export(model.eval(), (example,)), 'model.pt2')"


def names_function(path: Path) -> bool:
    """Return True for "package.module:function"."""
    return bool(_FUNCTION.fullmatch(str(path))) and not path.exists()


def function_sha256(name: str, folder: Path) -> str:
    """Return the hash of the file below `folder` that defines "module:function"; raise UsageError where there is none."""
    module, _, function = name.partition(":")
    places = [
        folder.joinpath(*module.split(".")[:-1], f"{module.rpartition('.')[2]}.py"),
        folder.joinpath(*module.split("."), "__init__.py"),
    ]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise UsageError(
            f"there is no module {module} in this folder",
            code="model.function",
            why=f"{name} is looked for in {places[0].relative_to(folder)}",
            do=[("go to the folder that holds it, then:", f"edgekit convert {module}:{function}")],
        )
    return sha256_of(found)


def is_program(path: Path) -> bool:
    """Return True for a zip archive that torch.export.save wrote; raise ModelError for a pickled model or TorchScript."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.partition("/")[2] for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError, ValueError):
        return False
    if "constants.pkl" in names:
        raise _pickled(path, "it is TorchScript, which carries code")
    if "data.pkl" in names:
        raise _pickled(path, "torch.save pickled it, and to unpickle is to run what the file says")
    return "models/model.json" in names


def refuse_pickle(path: Path, head: bytes) -> None:
    """Raise ModelError when a file begins as a pickle does."""
    if _PICKLE.match(head):
        raise _pickled(path, "it is a pickle, and to unpickle is to run what the file says")


def _pickled(path: Path, why: str) -> ModelError:
    return ModelError(
        f"{path} is not loaded",
        code="model.pickle",
        why=why,
        do=[
            ("load it yourself where you trust it, and export it:", _EXPORT),
            ("or name a function that returns (model, example inputs):", f"edgekit convert {_module(path)}:model"),
        ],
    )


def _module(path: Path) -> str:
    """Return a name for the module that the advice speaks of."""
    return shlex.quote(re.sub(r"\W", "_", path.stem) or "mine")
