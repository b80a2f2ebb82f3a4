"""Pictures of reports: what they show, that their names cover nothing, and that no colour is needed to read them."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text

from cofactor.data.ratings import Ratings
from cofactor.evaluation.report import Report
from cofactor.experiments.comparison.summary import ComparisonSummary
from cofactor.experiments.tuning.trial import TrialHistory, TrialResult
from cofactor.report import trials
from cofactor.report.plots import (
    cost,
    differences,
    groups,
    hyperparameter_plots,
    label_placement,
    learning_curves,
    list_length,
    predictions,
)
from cofactor.report.plots.comparison_plots import best_first, make_plots
from cofactor.report.plots.style import FAINT, GREY, HUES, IN_THE_DARK, INK, PAPER, SOFT, group_panels, model_styles
from cofactor.trainers import TRAINERS
from tests.sample_comparisons import broken, many, outcome, reports

SEEN = {  # what is left of red, green and blue light; G. Machado et al., IEEE TVCG 15(6), 2009, severity 1
    "everybody": np.eye(3),
    "protanopes": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopes": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopes": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_LMS = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
          [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip
TO_OKLAB = [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660]]  # fmt: skip


@pytest.fixture(scope="module")
def everybody(movies: Ratings) -> ComparisonSummary:
    return many(movies)


@pytest.fixture(scope="module")
def measured(movies: Ratings) -> dict[str, Report]:
    return reports(movies, ("baseline", "ials", "svd"))


def light(colour: str) -> np.ndarray:
    """(3,) linear red, green and blue."""
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """As WCAG 2 defines it."""
    low, high = sorted(float(light(one) @ [0.2126, 0.7152, 0.0722]) for one in (a, b))
    return (high + 0.05) / (low + 0.05)


def distance(a: str, b: str, who: str) -> float:
    """Between two colours in OKLab, hundredfold, as somebody sees them."""
    seen = [np.clip(np.array(SEEN[who]) @ light(one), 0, 1) for one in (a, b)]
    return 100 * float(np.linalg.norm(np.subtract(*(np.array(TO_OKLAB) @ np.cbrt(np.array(TO_LMS) @ s) for s in seen))))


@pytest.mark.parametrize("who", list(SEEN))
@pytest.mark.parametrize("dark", [False, True])
def test_colours_are_told_apart_by_everybody(who: str, dark: bool) -> None:
    shown = {one: IN_THE_DARK[one] if dark else one for one in (*HUES, GREY, PAPER, INK, SOFT, FAINT)}
    used = [shown[one] for one in (*HUES, GREY)]
    assert min(distance(a, b, who) for a, b in combinations(used, 2)) > 10
    assert min(contrast(one, shown[PAPER]) for one in used) > 3
    assert min(contrast(shown[one], shown[PAPER]) for one in (INK, SOFT)) > 4.5


@pytest.mark.parametrize(
    "names", [["svd"], ["popularity", "baseline", "svd", "als", "bayes", "ease", "knn"], [*TRAINERS]]
)
def test_models_are_told_apart_without_colours(names: list[str]) -> None:
    look = model_styles({name: name for name in names})
    rows = group_panels(look)
    assert sorted(name for row in rows for name in row) == sorted(names)
    for row in rows:
        assert len(row) <= 7
        assert len({look[name].marker for name in row}) == len(row)
        assert len({(str(look[name].dash), look[name].colour) for name in row}) == len(row)


def test_twenty_of_one_family_are_drawn_a_few_at_a_time() -> None:
    look = model_styles({f"svd {n}": "svd" for n in range(20)})
    assert [len(row) for row in group_panels(look)] == [5, 5, 5, 5]


def texts(figure: Figure) -> list[tuple[str, np.ndarray]]:
    """Every text that is drawn, with its box in pixels."""
    figure.draw_without_rendering()
    hidden: set[Text] = set()
    for axis in (one for axes in figure.axes for one in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        room = 1e-9 * (high - low)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low - room <= tick.get_loc() <= high + room:
                hidden |= {tick.label1, tick.label2}
    some = [one for one in figure.findobj(Text) if one.get_visible() and one.get_text().strip() and one not in hidden]
    return [(one.get_text(), one.get_window_extent().extents) for one in some]  # type: ignore[attr-defined]


def covered(figure: Figure) -> list[tuple[str, str]]:
    """Texts that cover one another by more than a pixel, or stand outside of the picture."""
    found, there = [], texts(figure)
    edge = np.add(figure.bbox.extents, (-1, -1, 1, 1))
    for text, box in there:
        if (box[:2] < edge[:2]).any() or (box[2:] > edge[2:]).any():
            found.append((text, "outside"))
    for (text, a), (other, b) in combinations(there, 2):
        sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
        if sides[0] > 1 and sides[1] > 2.5:  # a box of letters has room above and below them
            found.append((text, other))
    return found


def test_no_text_covers_another_with_sixteen_models(everybody: ComparisonSummary) -> None:
    crowded = ("differences", "cost", "lists-catalogue", "groups-genre")
    drawn = {one.name: covered(one.draw()) for one in make_plots(everybody) if one.name in crowded}
    assert len(drawn) == len(crowded)
    assert not any(drawn.values()), drawn


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 14))
@settings(max_examples=8, deadline=None)
def test_names_cover_neither_each_other_nor_points_nor_the_frame(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    points = np.column_stack([rng.uniform(60, 840, n), rng.uniform(40, 360, n)])
    sizes = np.column_stack([rng.uniform(30, 120, n), np.full(n, 14.0)])
    frame = np.array([0.0, 0.0, 900.0, 400.0])
    boxes = label_placement.place(points, sizes, frame, 11.0)
    np.testing.assert_allclose(boxes[:, 2:] - boxes[:, :2], sizes)
    shared = label_placement.overlap(boxes, boxes)
    np.fill_diagonal(shared, 0)
    assert shared.max() < 1e-6
    assert label_placement.overlap(boxes, label_placement.around(points, np.full((n, 2), 11.0))).max() < 1e-6
    np.testing.assert_allclose(label_placement.overlap(boxes, frame[None])[:, 0], sizes.prod(axis=1))


@given(wanted=st.lists(st.floats(0, 1), max_size=12), height=st.floats(0.001, 0.3))
def test_heights_are_spread_as_little_as_is_needed(wanted: list[float], height: float) -> None:
    placed = label_placement.spread(wanted, height, 0, 1)
    assert len(placed) == len(wanted)
    if not wanted:
        return
    room = min(height, 1 / max(1, len(wanted) - 1))
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(placed[order]) >= room - 1e-9).all()
    assert placed.min() >= -1e-9
    assert placed.max() <= 1 + 1e-9
    if (np.diff(np.sort(wanted)) >= height).all():
        np.testing.assert_allclose(placed, wanted, atol=1e-9)


def test_lists_of_any_length_are_measured_as_reports_are(measured: dict[str, Report]) -> None:
    over = list_length.over_k({name: [one] for name, one in measured.items()})
    for measure, by_name in over.items():
        for name, values in by_name.items():
            for k in (5, 10):
                assert values[list_length.KS.index(k)] == pytest.approx(measured[name].metrics[f"{measure}@{k}"])
    both = list_length.over_k({"both": [measured["svd"], measured["ials"]]})["recall"]["both"]
    np.testing.assert_allclose(both, (over["recall"]["svd"] + over["recall"]["ials"]) / 2)
    assert list_length.over_k({"svd": [measured["svd"]]}, "rated_")["precision"] == {}, "nobody has twenty test ratings"
    assert (list_length.KS[0], list_length.KS[-1]) == (1, 100)


def test_the_front_is_of_models_that_none_is_faster_and_better_than() -> None:
    points = {"a": (1.0, 0.9), "b": (2.0, 0.95), "c": (3.0, 0.85), "d": (0.5, 1.0), "e": (3.0, 0.86)}
    assert cost.front("rmse", points) == ["d", "a", "c"]
    assert cost.front("ndcg@10", points) == ["d"]


def test_curves_have_the_epoch_that_was_kept_marked(measured: dict[str, Report]) -> None:
    found = outcome(measured, {name: name for name in measured})
    judged = {name: one for name, one in found.curves.items() if one.metric == "RMSE"}
    axes = learning_curves.draw(judged, "RMSE").axes
    assert {axis.get_title("left") for axis in axes} == set(judged)
    for axis in axes:
        curve = judged[axis.get_title("left")]
        drawn = {tuple(line.get_xdata()): list(line.get_ydata()) for line in axis.lines}
        assert drawn[curve.epochs] == list(curve.train_rmse)
        assert drawn[curve.epochs[1:]] == list(curve.validation[1:]), "an epoch without a figure is left out"
        kept = curve.validation[curve.epochs.index(curve.best_epoch)]
        assert drawn[(curve.best_epoch,)] == [kept]
        assert f"{kept:.4f}\nin epoch 5" in {text.get_text() for text in axis.texts}


def test_a_dashed_line_for_the_best_curve_where_there_are_several(measured: dict[str, Report]) -> None:
    curves = outcome(measured, {name: name for name in measured}).curves
    judged = {name: one for name, one in curves.items() if one.metric == "RMSE"}
    assert len(judged) > 1
    for some, n_dashed in ((judged, 1), (dict([*judged.items()][:1]), 0)):
        figure = learning_curves.draw(some, "RMSE")
        for axis in figure.axes:
            assert sum(line.get_linestyle() == "--" for line in axis.lines) == n_dashed
        assert ("dashed" in figure.get_supxlabel()) is (n_dashed > 0)


def test_the_axes_of_predictions_leave_room_on_both_sides(measured: dict[str, Report]) -> None:
    found = outcome(measured, {name: name for name in measured})
    one, looks = found.calibrations["svd"], model_styles(found.trainers)
    for predicted, ends in ((np.array([1.0, 2, 3, 4, 5]), (0.8, 5.2)), (np.full(5, 3.0), (2.5, 3.5))):
        axis = predictions.draw({"svd": replace(one, predicted=predicted)}, {}, looks).axes[0]
        assert axis.get_xlim() == pytest.approx(ends)


def test_lists_of_any_length_are_drawn_under_their_title(measured: dict[str, Report]) -> None:
    over = list_length.over_k({name: [report] for name, report in measured.items()})
    figure = list_length.draw(over, model_styles({name: name for name in measured}), "By length", "How to read it")
    assert (figure.get_suptitle(), figure.get_supxlabel()) == ("By length", "How to read it")


def test_no_real_difference_is_a_grey_ring_and_what_is_real_is_not(measured: dict[str, Report]) -> None:
    comparison = outcome(measured, {name: name for name in measured}).comparison
    some = dict(comparison.differences["ndcg@5"])
    names = [name for name in some if some[name].against != name]
    some[names[0]] = replace(some[names[0]], value=-0.01, p_holm=0.4)
    some[names[1]] = replace(some[names[1]], value=-0.02, p_holm=0.001)
    (axis,) = differences.draw(replace(comparison, differences={"ndcg@5": some})).axes
    points = {line.get_xdata()[0]: line for line in axis.lines if line.get_marker() in ("o", "v", "^")}
    assert points[-0.01].get_markerfacecolor() == PAPER
    assert points[-0.01].get_color() == GREY
    assert points[-0.02].get_marker() == "v"
    assert points[-0.02].get_color() not in (GREY, FAINT)


def test_groups_have_their_counts_and_every_model(everybody: ComparisonSummary) -> None:
    one = everybody.breakdowns[0]
    drawn = groups.draw(one, model_styles(everybody.trainers), best_first(everybody.comparison))
    *panels, counts = drawn.axes
    assert [text.get_text() for text in counts.texts] == [f"{group.ratings:,}" for group in one.groups]
    assert [patch.get_height() for patch in counts.patches] == [group.ratings for group in one.groups]
    for metric, axis in zip(("rmse", "ndcg@5"), panels, strict=True):
        lines = [tuple(line.get_ydata()) for line in axis.lines if len(line.get_xdata()) == len(one.groups)]
        for name in everybody.trainers:
            figures = [group.metrics[name].get(metric, np.nan) for group in one.groups]
            if np.isfinite(figures).any():
                assert any(np.array_equal(figures, line, equal_nan=True) for line in lines), name


def test_models_without_a_colour_are_strokes_beside_named_groups(everybody: ComparisonSummary) -> None:
    one = everybody.breakdowns[1]
    figure = groups.draw(one, model_styles(everybody.trainers), best_first(everybody.comparison))
    for axis in figure.axes:
        strokes = [line for line in axis.lines if line.get_marker() == "|"]
        legend = axis.get_legend()
        assert legend is not None
        assert len(axis.lines) - len(strokes) == len(legend.get_texts()), "a point for each model of the legend"
        figures = {tuple(np.asarray(line.get_xdata(), float)[:-1]) for line in axis.lines}  # some lack the last group
        assert len(figures) == len(axis.lines), "no model is drawn twice"
    assert "Strokes" in figure.get_supxlabel()


def trial(number: int, value: float | None, **hyperparameters: object) -> TrialResult:
    state = "failed" if value is None else "done"
    return TrialResult(number, "svd", hyperparameters, state, value, 0.01, 3, 0.5 + number, 0.4)  # type: ignore[arg-type]


def search(*some: TrialResult, **importances: float) -> TrialHistory:
    return TrialHistory("svd", "toy", "rmse", some, importances, "cofactor train svd toy --rank 8")


def test_one_hyperparameter_is_a_line_with_errors_and_seconds() -> None:
    tried = ((0.95, 16), (0.9, 4), (0.97, 64), (None, 128))
    one = search(*(trial(n, value, rank=rank, l2=0.1) for n, (value, rank) in enumerate(tried)))
    upper, lower = hyperparameter_plots.draw(one).axes
    whole = {tuple(line.get_xdata()): list(line.get_ydata()) for line in upper.lines}
    assert whole[(4.0, 16.0, 64.0)] == [0.9, 0.95, 0.97]
    assert whole[(4.0, 4.0)] == pytest.approx([0.89, 0.91])
    assert whole[(4.0,)] == [0.9], "the best"
    assert list(lower.lines[0].get_ydata()) == [1.5, 0.5, 2.5]
    assert upper.get_xscale() == "log"
    assert lower.get_xlabel() == "rank"
    assert covered(upper.figure) == []  # type: ignore[arg-type]


def test_two_hyperparameters_are_a_grid_and_many_are_slices() -> None:
    pairs = [(8, "a"), (8, "b"), (16, "a"), (16, "b")]
    cells = [trial(n, 0.9 + 0.01 * n, rank=rank, kind=kind) for n, (rank, kind) in enumerate(pairs)]
    (grid,) = hyperparameter_plots.draw(search(*cells)).axes
    assert {text.get_text() for text in grid.texts} >= {"0.9000", "0.9300", "500 ms", "3.50 s"}
    assert len(hyperparameter_plots.draw(search(*cells[:3])).axes) == 2 + 2, "three of four cells are no grid"
    rng = np.random.default_rng(0)
    some = []
    for n in range(24):
        drawn = {"rank": int(rng.integers(4, 64)), "l2": float(10 ** rng.uniform(-3, 0))}
        some.append(trial(n, 0.9 + rng.random(), **drawn, kind="ab"[n % 2], deep=n % 3 == 0))
    made = hyperparameter_plots.draw(
        search(*some, trial(24, None, rank=3, l2=0.1, kind="a", deep=True), l2=0.6, rank=0.3, kind=0.1)
    )
    history, seconds, *panels = made.axes
    assert [axis.get_title("left") for axis in panels] == ["l2", "rank", "kind", "deep"]
    assert panels[0].get_title("right") == "60%"
    stairs = next(line for line in history.lines if len(line.get_xdata()) == 25)
    assert list(stairs.get_ydata())[:24] == list(np.minimum.accumulate([one.value for one in some]))
    assert len(seconds.patches) == 25
    assert covered(made) == []


def test_trials_without_a_figure_are_told_of() -> None:
    none = search(trial(0, None, rank=4), trial(1, None, rank=8))
    assert "none of which finished with a value" in trials.describe(none)
    assert len(hyperparameter_plots.draw(none).axes) == 1
    same = search(trial(0, 0.9), trial(1, float("nan")))
    assert trials.best_trial(same) == same.trials[0]
    hyperparameter_plots.draw(same)


def test_a_tiny_group_does_not_determine_the_scale(measured: dict[str, Report]) -> None:
    found = broken("genre", [f"Genre {n}" for n in range(12)], measured)
    first, *others = found.groups  # 10 of 6,720 ratings
    far = {name: dict.fromkeys(some, 40.0) for name, some in first.metrics.items()}
    look = model_styles({name: name for name in measured})
    drawn = groups.draw(replace(found, groups=(replace(first, metrics=far), *others)), look, {})
    assert len(drawn.axes) == 2
    for axis in drawn.axes:
        assert any(40.0 in line.get_xdata() for line in axis.lines)
        assert axis.get_xlim()[1] < 2


def test_the_time_of_one_model_is_compared_with_nothing(measured: dict[str, Report]) -> None:
    both, one = ({name: measured[name] for name in names} for names in (("svd", "baseline"), ("svd",)))
    assert list(cost.panels(outcome(both, {name: name for name in both}).comparison)["rmse"]) == ["svd", "baseline"]
    assert cost.panels(outcome(one, {"svd": "svd"}).comparison) == {}
