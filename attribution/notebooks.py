"""A notebook's own parameters: their names, types, defaults and help, read from its source.

The parameters cell is the one tagged `parameters`. Each line `name: type = default  # help`
declares one; types are str, int, float, bool, list[str] and Literal[...].
"""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from attribution.errors import ConfigError, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Parameter", "parameters_of", "values_for"]

_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True)
class Parameter:
    """One declared parameter.

    Attributes
    ----------
    kind
        "str", "int", "float", "bool", "list[str]", or "choice".
    choices
        The values a choice may take.
    """

    name: str
    kind: str
    default: Any
    help: str
    choices: tuple[str, ...] = ()

    def parse(self, text: str) -> Any:
        """Return the value that a command line's text stands for.

        Raises
        ------
        ConfigError
            If the text is not of the parameter's type.
        """
        try:
            return self._parse(text)
        except ValueError as error:
            raise ConfigError(
                f"--set {self.name}={text}: found {quoted(text)}, expected {self.expected}. "
                f"{self.help}"
            ) from error

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        return f"one of {', '.join(self.choices)}" if self.choices else self.kind

    def takes(self, value: object) -> bool:
        """Whether a value, as a TOML file gives it, is of the parameter's type."""
        if self.kind == "choice":
            return value in self.choices
        if self.kind == "list[str]":
            return isinstance(value, list) and all(isinstance(each, str) for each in value)
        if self.kind == "float":
            return type(value) in (int, float)
        return type(value) is {"int": int, "bool": bool, "str": str}[self.kind]

    def _parse(self, text: str) -> Any:
        if self.kind == "choice":
            if text not in self.choices:
                raise ValueError(text)
            return text
        if self.kind == "bool":
            if text.lower() not in (*_TRUE, *_FALSE):
                raise ValueError(text)
            return text.lower() in _TRUE
        if self.kind == "list[str]":
            return _listed(text)
        return {"int": int, "float": float, "str": str}[self.kind](text)


def parameters_of(notebook: Path) -> tuple[Parameter, ...]:
    """Return the parameters a notebook declares.

    Raises
    ------
    ConfigError
        If the file is no notebook, or has not exactly one cell tagged `parameters`.
    """
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{notebook.name} cannot be read as a notebook: {error}.") from error
    tagged = [c for c in cells if "parameters" in c.get("metadata", {}).get("tags", ())]
    if len(tagged) != 1:
        raise ConfigError(
            f"{notebook.name} has {len(tagged)} cells tagged 'parameters', expected one. "
            "Tag the cell that declares its parameters."
        )
    source = "".join(tagged[0]["source"])
    return tuple(_declared(source, notebook.name))


def _declared(source: str, name: str) -> list[Parameter]:
    lines = source.splitlines()
    found = []
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        raise ConfigError(
            f"{name}, parameters cell, line {error.lineno}: {error.msg}. Correct the cell."
        ) from error
    for node in body:
        if isinstance(node, ast.Assign):
            raise ConfigError(
                f"{name}, parameters cell, line {node.lineno}: {ast.unparse(node)!r} names no "
                "type. Write it as name: type = default  # help."
            )
        if not isinstance(node, ast.AnnAssign) or node.value is None:
            continue
        assert isinstance(node.target, ast.Name)  # noqa: S101
        comment = lines[(node.end_lineno or 1) - 1][node.end_col_offset or 0 :]
        kind, choices = ast.unparse(node.annotation), ()
        if kind.startswith("Literal["):
            kind, choices = "choice", tuple(ast.literal_eval(node.annotation.slice))  # type: ignore[attr-defined]
        if kind not in ("str", "int", "float", "bool", "list[str]", "choice"):
            raise ConfigError(f"{name}: parameter {node.target.id} has the unknown type {kind}.")
        found.append(
            Parameter(
                node.target.id,
                kind,
                ast.literal_eval(node.value),
                comment.strip().lstrip("#").strip(),
                choices,
            )
        )
    return found


def values_for(parameters: Sequence[Parameter], settings: Sequence[str]) -> dict[str, Any]:
    """Return the values of settings written `name=value`.

    Raises
    ------
    ConfigError
        For an unknown or repeated name, or a value of the wrong type.
    """
    known = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip()
        if not equals:
            raise ConfigError(f"--set {setting}: write it as name=value.")
        if name not in known:
            near = get_close_matches(name, list(known), n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ConfigError(
                f"--set {setting}: there is no parameter {name!r}.{hint} "
                f"There are {', '.join(known)}."
            )
        if name in values:
            raise ConfigError(f"--set {name} is given twice.")
        values[name] = known[name].parse(text)
    return values


def _listed(text: str) -> list[str]:
    """Split at commas outside brackets and quotes, or read a JSON list."""
    if text.lstrip().startswith("["):
        items = json.loads(text)
        if not all(isinstance(item, str) for item in items):
            raise ValueError(text)
        return list(items)
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        depth += (letter == "(") - (letter == ")") if not quote else 0
        if letter == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]
