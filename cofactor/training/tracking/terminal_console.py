"""A console of Rich for text that quotes data: it escapes control characters, and keeps those of Rich itself."""

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from cofactor.control_characters import escape_controls_in_lines


class TerminalConsole(Console):
    """A console that shows control characters in text as visible escapes."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of a renderable; those of Rich's own control codes are unchanged."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else escape_controls_in_lines(text), style, control)


def stderr_console(quiet: bool = False) -> TerminalConsole:
    """The console on stderr, for everything that is not data."""
    return TerminalConsole(stderr=True, highlight=False, quiet=quiet, soft_wrap=True)
