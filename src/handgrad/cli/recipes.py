"""`handgrad recipes`: the trainings that ship, by name."""

from __future__ import annotations

import click
from rich.table import Table

from handgrad.cli.app import Command
from handgrad.cli.output import console, put_json
from handgrad.train.recipe import load_recipe, names
from handgrad.words import say


@click.command(cls=Command, help=say("recipes_cli.help"))
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--json", "as_json", is_flag=True, help=say("cli.help_json"))
def recipes(name: str | None, as_json: bool) -> None:
    """List the recipes, or show one."""
    chosen = [load_recipe(n) for n in ([name] if name else names())]
    out = console(as_json=as_json)
    table = Table(box=None, header_style="bold")
    if name:
        table.add_column(say("recipes_cli.setting"))
        table.add_column(say("recipes_cli.value"))
        for setting, value in chosen[0].to_dict().items():
            table.add_row(setting, str(value))
    else:
        for key in ("name", "net", "epochs", "what"):
            table.add_column(say(f"recipes_cli.{key}"))
        for recipe in chosen:
            sizes = "-".join(map(str, [784, *recipe.hidden, 10]))
            table.add_row(recipe.name, sizes, str(recipe.epochs), say(f"recipes_cli.about_{recipe.name}"))
    out.print(table)
    if as_json:
        put_json({"recipes": [recipe.to_dict() for recipe in chosen]})
