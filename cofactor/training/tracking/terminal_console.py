"""A console of Rich for text that quotes data: it escapes control characters, and keeps those of Rich itself."""

import os
from collections.abc import Iterable
from contextlib import suppress

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from cofactor.control_characters import escape_controls_in_lines


class TerminalConsole(Console):
    """A console that shows control characters in text as visible escapes."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of a renderable; those of Rich's own control codes are unchanged."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else escape_controls_in_lines(text), style, control)

    broken = False  # whether the program that read the output has ended

    def on_broken_pipe(self) -> None:
        """Shows nothing more where the reader of stderr has ended, as `head` does: the work goes on.

        Of stdout, raises the BrokenPipeError.
        """
        if not self.stderr:
            raise BrokenPipeError
        self.quiet = self.broken = True
        with suppress(OSError):  # a stream that is no file
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self.file.fileno())  # takes what the stream still holds
            os.close(nothing)


def stderr_console(quiet: bool = False) -> TerminalConsole:
    """The console on stderr, for everything that is not data."""
    return TerminalConsole(stderr=True, highlight=False, quiet=quiet, soft_wrap=True)
