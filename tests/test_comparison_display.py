"""What a comparison says on the console while it runs."""

from io import StringIO

from rich.console import Console

from cofactor.errors import BadHyperparameter
from cofactor.report.progress.comparison_display import ComparisonDisplay


def said(**options: bool) -> str:
    console = Console(file=StringIO(), width=200)
    display = ComparisonDisplay(console, **options)
    display.on_comparison_start(["svd", "ease"])
    error = BadHyperparameter("ease: l2 is -1", "it must be above 0")
    error.details = "Traceback (most recent call last)"  # type: ignore[attr-defined]
    display.on_start("ease")
    display.on_failure("ease", error)
    display.on_comparison_end()
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_a_failed_training_is_one_line_and_its_details_are_printed_on_request() -> None:
    assert said().splitlines() == ["2/2 ease …", "2/2 ease  left out: ease: l2 is -1"]
    assert said(show_details=True).splitlines()[2:] == ["Traceback (most recent call last)"]
