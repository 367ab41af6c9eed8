"""Write what model.toml states of each reference model into docs/models.md: `python docs/listed.py`."""

from __future__ import annotations

from pathlib import Path

from edgekit.flows.models import ModelPort, list_models

PAGE = Path(__file__).with_name("models.md")
HEAD, END = "<!-- written by docs/listed.py -->\n", "<!-- end -->"


def main() -> None:
    """Replace what stands between the marks."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(HEAD)
    PAGE.write_text(before + HEAD + tables() + END + rest.partition(END)[2], encoding="utf-8")


def tables() -> str:
    """Return one table of the graphs and one of where they come from."""
    models = list_models()
    lines = ["| model | what | input | output | parameters | weights | meant for |", "|---|---|---|---|---:|---|---|"]
    for model in models:
        ports = f"{_port(model.inputs[0])} | {_port(model.outputs[0])}"
        recipes = ", ".join(f"`{recipe}`" for recipe in model.recipes)
        weights = model.accuracy if model.training else "random until you train it"
        lines.append(f"| `{model.name}` | {model.title} | {ports} | {model.parameters:,} | {weights} | {recipes} |")
    lines += ["", "| model | family | architecture | data |", "|---|---|---|---|"]
    for model in models:
        data = f"{model.data.name}: {model.data.source} ({model.data.licence})" if model.training else model.data.name
        lines.append(f"| `{model.name}` | `{model.family}` | {model.architecture} | {data} |")
    return "\n".join([*lines, ""])


def _port(port: ModelPort) -> str:
    return f"`{port.name}` {' x '.join(map(str, port.shape))}: {port.meaning}"


if __name__ == "__main__":
    main()
