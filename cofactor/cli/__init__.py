"""The command line: a group that knows its commands by name and imports one only when it runs.

Data goes to stdout, everything else to stderr. Whatever goes wrong is one line, a blank line and a hint.
"""

import difflib
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from cofactor import __version__
from cofactor.argument_names import find_argument
from cofactor.cli.standard_streams import (
    drop_failed_output,
    escape_unencodable_output,
    flush_output,
    open_closed_streams,
)
from cofactor.control_characters import escape_controls_in_lines
from cofactor.errors import CofactorError
from cofactor.output_checks import HINTS

COMMANDS = {
    "demo": "Train, compare and recommend on synthetic movie ratings in about a minute.",
    "fetch": "Download a known data set into the data folder and check it.",
    "generate": "Generate synthetic ratings of any size with a known ground truth.",
    "split": "Divide ratings into train, validation and test parts.",
    "protocols": "List the published evaluation protocols and their results.",
    "export": "Write ratings or a split as TFRecord shards, CSV or Parquet.",
    "train": "Train a model, evaluate it and save it as a folder.",
    "tune": "Search for better hyperparameters on validation ratings.",
    "evaluate": "Evaluate a saved model on the test part of its split.",
    "compare": "Train and evaluate models on the same ratings, and test their differences.",
    "recommend": "List the best items for a user, or for every user.",
    "similar": "List the items most similar to an item.",
    "predict": "Predict the ratings of (user, item) pairs in a file.",
    "explain": "Explain the score of an item for a user by the user's ratings.",
    "ratings": "Count or print the ratings collected while serving.",
    "serve": "Serve a saved model over HTTP, with a page to try it.",
}

INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C
BUG = 1
BROKEN_PIPE = 1  # as other programs of Python end
MISUSE = 2


class CommandGroup(click.Group):
    """Lists its commands without importing them, and ends every error the same way."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"cofactor.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise unknown_choice("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def main(self, *arguments: Any, **extra: Any) -> Any:
        """Runs one command and exits: 0, the error's own code, 1 for a bug, 130 after Ctrl-C."""
        extra = {"prog_name": "cofactor", **extra, "standalone_mode": False}
        try:
            _raise_interrupts()
            code = super().main(*arguments, **extra)
            flush_output()
            sys.exit(code if isinstance(code, int) else 0)
        except CofactorError as error:
            fail(error.message, error.hint, error.exit_code)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            sys.exit(MISUSE)
        except click.NoSuchOption as error:
            fail(f"No such option: {error.option_name}", _suggest_option(error), MISUSE)
        except click.UsageError as error:
            where = error.ctx.command_path if error.ctx else "cofactor"
            fail(error.format_message(), f"{where} --help shows the options", MISUSE)
        except click.ClickException as error:
            fail(error.format_message(), "", error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            fail("interrupted", "", INTERRUPTED)
        except BrokenPipeError:  # the program that read the output has ended, as `head` does
            drop_failed_output()
            sys.exit(BROKEN_PIPE)
        except OSError as error:
            if debugging():
                raise
            place = "the standard output" if drop_failed_output() else error.filename
            about = f": {place}" if place else ""
            fail(f"{error.strerror or error}{about}", HINTS.get(error.errno or 0, ""), MISUSE)
        except MemoryError as error:
            if debugging():
                raise
            fail(
                f"there is not enough memory: {error}".removesuffix(": "),
                "use fewer ratings, or a smaller model",
                MISUSE,
            )
        except Exception as error:
            if isinstance(error.__cause__, KeyboardInterrupt):  # wrapped by Python or Numba where it struck in C
                fail("interrupted", "", INTERRUPTED)
            if debugging():
                raise
            message = " ".join(str(error).split())[:200]
            hint = "COFACTOR_DEBUG=1 shows the traceback; please report the bug with it"
            fail(f"a bug in cofactor: {type(error).__name__}: {message}", hint, BUG)


def _raise_interrupts() -> None:
    """Makes Ctrl-C an exception, where the program has let it end the process while it was imported."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def unknown_choice(noun: str, name: str, known: Sequence[str] | dict[str, Any]) -> click.UsageError | CofactorError:
    """The error for an unknown name, with the most similar known names as its hint."""
    near = difflib.get_close_matches(name, list(known), 3, cutoff=0.55)
    return CofactorError(f"unknown {noun} {name!r}", f"did you mean {', '.join(near)}?" if near else ", ".join(known))


def _suggest_option(error: click.NoSuchOption) -> str:
    """The option that is meant, also by somebody who knows another library; otherwise where all are listed."""
    where = error.ctx.command_path if error.ctx else "cofactor"
    listed = [one for one in error.ctx.command.params if isinstance(one, click.Option)] if error.ctx else []
    flags = {one.name or "": max(one.opts, key=lambda flag: flag.startswith("--")) for one in listed if not one.hidden}
    ours = find_argument(error.option_name.lstrip("-"), flags)
    if ours is not None or not error.possibilities:
        return f"{where} --help shows the options" if ours is None else f"here it is called {flags[ours]}"
    return f"did you mean {', '.join(sorted(error.possibilities))}?"


def fail(message: str, hint: str, code: int) -> NoReturn:
    """One line, a blank line and a hint on stderr; control characters in them are escaped."""
    drop_failed_output()
    click.echo(f"error: {escape_controls_in_lines(message)}", err=True)
    if hint:
        click.echo(f"\nhint: {escape_controls_in_lines(hint)}", err=True)
    sys.exit(code)


def debugging() -> bool:
    """Whether unexpected errors show their traceback."""
    return os.environ.get("COFACTOR_DEBUG", "0") not in ("", "0")


def _debug(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        os.environ["COFACTOR_DEBUG"] = "1"


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="cofactor", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, expose_value=False, is_eager=True, callback=_debug, help="Show tracebacks.")
def cofactor() -> None:
    """Train, compare and serve model-based recommenders from a table of ratings."""


def main() -> None:
    """The `cofactor` program."""
    try:
        open_closed_streams()
    except CofactorError as error:
        fail(error.message, error.hint, error.exit_code)
    escape_unencodable_output()
    cofactor()
