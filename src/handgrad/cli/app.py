"""The `handgrad` command and how its help and its complaints about usage read in either language."""

from __future__ import annotations

import importlib
import keyword
from typing import Any

import click

import handgrad
from handgrad.words import LANGUAGES, say

COMMANDS = (
    "train",
    "sweep",
    "evaluate",
    "predict",
    "rerun",
    "plot",
    "audit",
    "diff",
    "explain",
    "export",
    "import",
    "bench",
    "data",
    "recipes",
    "info",
)


class _Formatter(click.HelpFormatter):
    """Click's help pages with our headings."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, prefix or say("cli.usage") + " ")

    def write_heading(self, heading: str) -> None:
        key = {"Options": "cli.options", "Commands": "cli.commands"}.get(heading)
        super().write_heading(say(key) if key else heading)


class _Context(click.Context):
    formatter_class = _Formatter


class Command(click.Command):
    """A command that knows --lang and --help in the reader's language."""

    context_class = _Context

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own options, then the common ones."""
        own = [p for p in super().get_params(ctx) if "--help" not in p.opts]
        return [*own, _lang_option(), _help_option()]


class Group(Command, click.Group):
    """A command that is a family of commands."""

    command_class = Command


class _App(Group):
    """The commands, each imported when it is called or when help is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command: click.Command = getattr(importlib.import_module(f"handgrad.cli.{module}"), module)
        command.short_help = say(f"cli.short_{cmd_name}")
        return command


def _lang_option() -> click.Option:
    # main() takes it out of the arguments, wherever it stands; it is here so that help shows it.
    return click.Option(["--lang"], type=click.Choice(LANGUAGES), expose_value=False, help=say("cli.help_lang"))


def _help_option() -> click.Option:
    def show(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        if value and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit()

    return click.Option(
        ["--help"], is_flag=True, is_eager=True, expose_value=False, callback=show, help=say("cli.help_help")
    )


def _version_option() -> click.Option:
    def show(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        if value and not ctx.resilient_parsing:
            click.echo(f"handgrad {handgrad.__version__}")
            ctx.exit()

    return click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show, help=say("cli.help_version")
    )


app = _App(name="handgrad", help=say("cli.help"), params=[_version_option()], no_args_is_help=True)


def usage_error(error: click.ClickException) -> str:
    """What was wrong with the call, in the reader's language, and how to find out what is right."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "handgrad"
    match error:
        case click.NoSuchOption():
            near = ", ".join(error.possibilities or ())
            detail = say("cli.no_option_near", option=error.option_name, near=near) if near else say(
                "cli.no_option", option=error.option_name
            )  # fmt: skip
        case click.MissingParameter():
            hint = error.param.make_metavar(context) if error.param is not None and context is not None else ""
            detail = say("cli.missing", what=hint)
        case click.BadParameter():
            names = error.param.opts[0] if error.param is not None else error.param_hint
            choices = getattr(getattr(error.param, "type", None), "choices", None)
            if choices:
                detail = say("cli.bad_choice", option=names, choices=", ".join(map(str, choices)))
            else:
                kind = getattr(getattr(error.param, "type", None), "name", "text")
                detail = say("cli.bad_value", option=names, kind=say(f"cli.kind_{kind}"))
        case click.BadOptionUsage() if "does not take" in error.format_message():
            detail = say("cli.takes_none", option=error.option_name)
        case click.BadOptionUsage():
            detail = say("cli.needs_value", option=error.option_name)
        case click.UsageError() if context is not None and isinstance(context.command, click.Group):
            detail = say("cli.no_command", commands=", ".join(context.command.list_commands(context)))
        case click.UsageError():
            extra = error.format_message().partition("(")[2].removesuffix(".").removesuffix(")")
            detail = say("cli.extra", detail=extra)
        case _:
            detail = error.format_message()
    return f"{detail} {say('cli.see_help', command=command)}"
