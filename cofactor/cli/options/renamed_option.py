"""An option of the command line that was renamed: the old name still works and is not shown."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class RenamedOption(click.Option):
    """Declared as the new name, then the old names: `click.option("--retrain", "--again", cls=RenamedOption)`."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        names = self.opts
        self.opts = names[:1]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = names

    def get_error_hint(self, ctx: click.Context | None) -> str:
        return f"'{self.opts[0]}'"


def renamed(new: str, *old: str, **settings: Any) -> Callable[[F], F]:
    """A decorator that adds the option; its parameter is called after the new name."""
    return click.option(new, *old, new.removeprefix("--").replace("-", "_"), cls=RenamedOption, **settings)
