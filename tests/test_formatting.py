"""Numbers, names and text as reports write them."""

from math import inf, nan

import pytest

from cofactor.report.formatting import (
    format_duration,
    format_error,
    format_megabytes,
    format_metric,
    format_p_value,
    format_seconds,
    is_number,
    join_names,
    metric_name,
    one_line,
    shorten,
    shorten_all,
)
from cofactor.report.html import _emphasized
from cofactor.report.markdown import escaped, fenced
from cofactor.report.plots.trial_points import far_apart, round_marks
from cofactor.report.trials import format_value, sort_values


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (format_metric, 0.0, "0.0000"),
        (format_metric, 9.9999, "9.9999"),
        (format_metric, 10.0, "10.00"),
        (format_metric, -10.0, "-10.00"),
        (format_metric, 999.99, "999.99"),
        (format_metric, 1000.0, "1,000"),
        (format_seconds, 0.0, "0"),
        (format_seconds, 0.01234, "0.0123"),
        (format_seconds, 1.234, "1.23"),
        (format_seconds, 12.34, "12.3"),
        (format_seconds, 100.0, "100"),
        (format_seconds, 1234.5, "1,234"),
        (format_duration, 0.0009, "900 µs"),
        (format_duration, 0.001, "1.00 ms"),
        (format_duration, 1.0, "1.00 s"),
        (format_duration, 250.0, "250 s"),
        (format_megabytes, 99_999.0, "0.100"),
        (format_megabytes, 100_000.0, "0.1"),
        (format_megabytes, 3e9, "3,000.0"),
        (format_p_value, 0.00099, "< 0.001"),
        (format_p_value, 0.001, "0.001"),
        (format_p_value, nan, "–"),
        (format_error, 0.0044, "±0.0044"),
        (format_error, inf, ""),
    ],
)
def test_numbers_are_written_with_few_digits(write, value, text):
    assert write(value) == text


@pytest.mark.parametrize("write", [format_metric, format_seconds, format_duration, format_megabytes])
def test_what_is_undefined_is_a_dash(write):
    assert [write(value) for value in (None, nan, inf, -inf)] == ["–"] * 4


def test_a_truth_value_is_no_number():
    assert [is_number(one) for one in (1, 1.5, 0, True, False, nan, inf, "1", None)] == [True] * 3 + [False] * 6


def test_names_are_joined_and_shortened():
    assert [join_names(list(some)) for some in ("", "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]
    assert metric_name("hit_rate@5") == "Hit rate@5"
    assert one_line(" a\n\tb\x1b[31m\u202ec ") == "a b [31m c"
    assert shorten("x" * 26) == "x" * 26
    assert shorten("x" * 27) == "x" * 25 + "…"
    assert shorten("\n") == "?"
    names = shorten_all(["a" * 30, "a" * 31, "a" * 32, "b"], 10)
    assert list(names.values()) == ["aaaaaaaaa…", "aaaaa… (2)", "aaaaa… (3)", "b"]


def test_characters_with_a_meaning_are_escaped():
    assert escaped("# a_b *c* [d](e) <f> & `g`|h") == "\\# a_b \\*c\\* \\[d\\](e) &lt;f&gt; &amp; \\`g\\`\\|h"
    assert escaped("a # b") == "a # b"
    assert [escaped(text) for text in ("_a", "a_", "a _b", "a_ b", "a_b")] == [
        "\\_a",
        "a\\_",
        "a \\_b",
        "a\\_ b",
        "a_b",
    ]
    assert fenced("a ``` b").startswith("````console\n$ a ``` b\n````")


def test_only_a_short_head_before_a_colon_is_emphasised():
    assert _emphasized("RMSE: a is better: by 1") == "<b>RMSE</b>: a is better: by 1"
    assert _emphasized("x" * 23 + ": y") == "<b>" + "x" * 23 + "</b>: y"
    assert _emphasized("x" * 24 + ": y") == "x" * 24 + ": y"
    assert _emphasized("no colon") == "no colon"


def test_values_of_hyperparameters_are_sorted_numbers_first():
    assert sort_values(["b", 2, 10, "a", 2, 0.5, True]) == [0.5, 2, 10, True, "a", "b"]
    assert [format_value(value) for value in (0.123456, 10, "adam", True)] == ["0.1235", "10", "adam", "True"]


def test_marks_of_a_logarithmic_axis_are_round_and_few():
    assert round_marks(0.01, 100) == [0.01, 0.1, 1, 10, 100][::2]
    assert round_marks(1, 10) == [1, 10]
    assert round_marks(2, 8) == [2, 5]
    assert round_marks(1.1, 1.2) == [1.1, 1.2]
    assert far_apart([1, 2, 3], log=False)
    assert not far_apart([1, 1.1, 3], log=False)
    assert far_apart([1, 10, 100], log=True)
    assert not far_apart([1, 10, 100], log=False)
