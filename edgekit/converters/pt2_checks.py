"""Tell what in the description of a .pt2 program is plain data, and what Python would be asked to run."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from edgekit.core.errors import ModelError

_SYMBOLS: Final = re.compile(r"[a-zA-Z_]\w*")
_CALLS: Final = re.compile(
    r"Symbol|Integer|Float|Max|Min|Mod|PythonMod|FloorDiv|CleanDiv|CeilDiv|CeilToInt|FloorToInt|TruncToInt|TruncToFloat|RoundToInt"
    r"|RoundDecimal|ToFloat|ModularIndexing|Where|LShift|RShift|PowByNatural|FloatPow|FloatTrueDiv|IntTrueDiv|Identity"
    r"|Eq|Ne|Le|Lt|Ge|Gt|And|Or|Not"
)
_ARITHMETIC: Final = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.operator, ast.unaryop, ast.cmpop, ast.Load)
_TREES: Final = (None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict")


def objects(value: Any) -> Iterator[str]:
    """Yield the kind of each argument that is neither a number, a text, a tensor nor a graph."""
    if isinstance(value, dict):
        yield from (kind for kind in ("as_custom_obj", "as_operator", "as_opaque_value") if kind in value)
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from objects(item)


def expressions(value: Any) -> Iterator[str]:
    """Yield each size that is written as an expression."""
    if isinstance(value, dict):
        if "expr_str" in value:
            yield value["expr_str"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from expressions(item)


def check_expression(text: str, path: Path) -> None:
    """Raise ModelError unless `text` is arithmetic on symbols: PyTorch hands it to Python's eval."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, MemoryError) as error:
        raise carries(path, f"a shape in it is {text[:60]!r}") from error
    functions = {id(node.func): node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        fine = isinstance(node, _ARITHMETIC)
        if isinstance(node, ast.Name):
            fine = (
                _SYMBOLS.fullmatch(node.id) is not None
                and "__" not in node.id
                and (id(node) not in functions or _CALLS.fullmatch(node.id) is not None)
            )
        elif isinstance(node, ast.Constant):
            fine = isinstance(node.value, (int, float)) or bool(isinstance(node.value, str) and _SYMBOLS.fullmatch(node.value))
        elif isinstance(node, (ast.Call, ast.keyword)):
            fine = not isinstance(node, ast.Call) or isinstance(node.func, ast.Name)
        if not fine:
            raise carries(path, f"a shape in it is {text[:60]!r}")


def check_tree(tree: Mapping[str, Any], path: Path) -> None:
    """Raise ModelError unless inputs and outputs are tuples, lists and dictionaries: other types are imported by name."""
    context = json.loads(tree["context"]) if isinstance(tree["context"], str) else tree["context"]
    keys = context if isinstance(context, list) else [context]
    if tree["type"] not in _TREES or not all(key is None or isinstance(key, (str, int)) for key in keys):
        raise carries(path, f"its inputs or outputs have the Python type {tree['type']}")
    for child in tree["children_spec"]:
        check_tree(child, path)


def carries(path: Path, why: str) -> ModelError:
    """Return the refusal of a program, with the reason `why`."""
    return ModelError(
        f"{path} is not loaded",
        code="model.carries_code",
        why=f"{why}, and loading that could run code on this machine",
        do=[
            (
                "export it with a present PyTorch, tensors in and out:",
                "torch.export.save(torch.export.export(model.eval(), inputs), 'model.pt2')",
            ),
            ("or, when the model is your own, name the function that builds it:", "edgekit convert module:function"),
        ],
    )
