"""The command line: parse, call, render. One short file a command; everything that computes lies below."""

from __future__ import annotations

import os
import sys
import time

from handgrad import words
from handgrad.errors import HandgradError

STARTED = time.perf_counter()


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 it ran and failed, 2 wrong usage or input."""
    arguments = sys.argv[1:] if arguments is None else arguments
    language = _language(arguments)
    if language in words.LANGUAGES:
        os.environ["HANDGRAD_LANG"] = language  # before the commands are imported: their help is words, too
    sys.exit(_run(arguments))


def _run(arguments: list[str]) -> int:
    import click

    from handgrad.cli.app import app, usage_error

    try:
        app.main(args=arguments, prog_name="handgrad", standalone_mode=False)
    except HandgradError as error:
        return _complain(str(error), error.exit_status)
    except click.exceptions.Exit as request:
        return request.exit_code
    except click.exceptions.NoArgsIsHelpError as request:
        print(request.format_message())
        return 2
    except click.ClickException as error:
        return _complain(usage_error(error), 2)
    except (KeyboardInterrupt, click.Abort):
        return _complain(words.say("cli.stopped"), 130)
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError:
        return _complain(words.say("cli.memory"), 1)
    return 0


def _complain(sentence: str, status: int) -> int:
    print(f"handgrad: {sentence}", file=sys.stderr)
    return status


def _language(arguments: list[str]) -> str | None:
    """The value of --lang, wherever it stands."""
    for i, argument in enumerate(arguments):
        if argument == "--lang" and i + 1 < len(arguments):
            return arguments[i + 1]
        if argument.startswith("--lang="):
            return argument.removeprefix("--lang=")
    return None
