"""A recipe as the text of a TOML file, which `train --recipe FILE` reads."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from handgrad.train.recipe import Recipe


def to_toml(recipe: Recipe, above: str = "") -> str:
    """The settings of a recipe that are not the usual ones, its tables last; `above` goes before them, as a comment."""
    usual = Recipe(name=recipe.name)
    kept = {field.name: getattr(recipe, field.name) for field in fields(Recipe) if field.name != "name"}
    kept = {key: value for key, value in kept.items() if value is not None and value != getattr(usual, key)}
    kept |= {"data": recipe.data, "hidden": recipe.hidden, "epochs": recipe.epochs, "optimizer": recipe.optimizer}
    lines = [f"# {line}" for line in above.splitlines()]
    lines += [f"{key} = {_value(value)}" for key, value in kept.items() if not isinstance(value, dict)]
    for key, table in kept.items():
        if isinstance(table, dict):
            lines += ["", f"[{key}]", *(f"{name} = {_value(value)}" for name, value in table.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    """A plain value. JSON's text, whole and floating numbers, lists and true and false are all TOML's, too."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_value(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False)
