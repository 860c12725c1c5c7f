"""The command line: parse, call, render. One short file a command; everything that computes lies below."""

from __future__ import annotations

import io
import os
import sys
import time

from handgrad import words
from handgrad.errors import HandgradError

STARTED = time.perf_counter()


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 it ran and failed, 2 wrong usage or input."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without Hangul shows \uc608 rather than a traceback
            stream.reconfigure(errors="backslashreplace")
    if arguments is None and any(argument.split("=")[0] == "--parallel" for argument in sys.argv[1:]):
        _stand_by()
    arguments, language = _without_language(sys.argv[1:] if arguments is None else arguments)
    if language is not None and language not in words.LANGUAGES:
        sys.exit(_complain(words.say("cli.bad_choice", option="--lang", choices=", ".join(words.LANGUAGES)), 2))
    if language:
        os.environ["HANDGRAD_LANG"] = language  # before the commands are imported: their help is words, too
    try:
        status = _run(arguments)
    except KeyboardInterrupt:
        status = _complain(words.say("cli.stopped"), 130)
    sys.exit(status)


def _run(arguments: list[str]) -> int:
    import click

    from handgrad.cli.app import app, usage_error

    try:
        status = app.main(args=arguments, prog_name="handgrad", standalone_mode=False)
    except HandgradError as error:
        return _complain(str(error), error.exit_status)
    except click.exceptions.Exit as request:
        return request.exit_code
    except click.exceptions.NoArgsIsHelpError as request:
        print(request.format_message())
        return 2
    except click.ClickException as error:
        return _complain(usage_error(error), 2)
    except click.Abort:  # what click makes of Ctrl-C
        return _complain(words.say("cli.stopped"), 130)
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError:
        return _complain(words.say("cli.memory"), 1)
    return status if isinstance(status, int) else 0  # what a command gave to ctx.exit()


def _stand_by() -> None:
    """Of a training on several ranks, this process watches another one that trains; and one rank speaks for all."""
    from handgrad.parallel.guardian import stand_by
    from handgrad.parallel.job import silence
    from handgrad.parallel.world import launched_rank

    stand_by()
    if launched_rank():
        silence()


def _complain(sentence: str, status: int) -> int:
    print(f"handgrad: {' '.join(sentence.split())}", file=sys.stderr)  # one line, whatever a file's name contains
    return status


def _without_language(arguments: list[str]) -> tuple[list[str], str | None]:
    """(the other arguments, the value of --lang or None), wherever it stands, so that every command has it."""
    others: list[str] = []
    language = None
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            return [*others, argument, *rest], language
        if argument == "--lang":
            language = next(rest, "")
        elif argument.startswith("--lang="):
            language = argument.removeprefix("--lang=")
        else:
            others.append(argument)
    return others, language
