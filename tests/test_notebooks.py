"""What a person sees of results: printed, and in a notebook."""

import pytest

import cofactor
from cofactor.data.ratings import Ratings
from cofactor.evaluation.report_text import describe_report
from tests.toys import noise

RATINGS = noise()
PARTS = cofactor.split(RATINGS, seed=0)


@pytest.fixture(scope="module")
def fitted() -> cofactor.Fit:
    return cofactor.fit(cofactor.SVD(rank=2, n_epochs=3), PARTS)


def test_a_printed_report_is_the_table_of_the_command_line(fitted: cofactor.Fit) -> None:
    report = cofactor.evaluate(fitted.model, PARTS.test, k=5)
    table, counts = describe_report(report)
    assert str(report) == f"{table}\n{counts}"
    lines = str(report).splitlines()
    assert lines[0].split() == ["metric", "value", "±", "standard", "error"]
    assert lines[1].split()[:2] == ["rmse", f"{report.metrics['rmse']:.4f}"]
    assert lines[-1].startswith("evaluated on 25 ratings")
    shown = report._repr_html_()
    assert shown.count("<tr>") == len(report.metrics) + 1
    assert ">ndcg@5<" in shown


def test_a_printed_comparison_has_its_tables_and_sentences(fitted: cofactor.Fit) -> None:
    models = {"<b>": cofactor.Baseline().fit(PARTS.train), "svd": fitted.model}
    compared = cofactor.compare(models, PARTS.test)
    assert all(sentence in str(compared) for sentence in compared.sentences())
    assert str(compared).splitlines()[0].split()[:2] == ["model", "RMSE"]
    shown = compared._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown
    assert shown.count("<table>") == 2


def test_numbers_in_tables_keep_the_digits_that_matter() -> None:
    timed = Ratings.of(["a"], ["x"], [4.5], [1_000_000_007])
    assert repr(timed.head()).splitlines()[1].split() == ["a", "x", "4.5", "1000000007"]
