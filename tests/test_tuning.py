"""Searching for hyperparameters: where, how they are judged, what is kept, and what is drawn next."""

import math
import sqlite3
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from cofactor.data.ratings import Ratings
from cofactor.data.splitting.saved_split import write_parts
from cofactor.data.splitting.split import Split, split
from cofactor.data.synthetic.generate import generate
from cofactor.errors import BadArtifact, BadData, BadHyperparameter, CofactorError, InUse, SplitMismatch
from cofactor.evaluation.metrics.standard_error import standard_error
from cofactor.experiments.tuning.objective import ObjectiveValue, check_validation, evaluate_trial, make_training_pairs
from cofactor.experiments.tuning.search import Budget, HyperparameterSearch, average_seeds, best_trial, find_trial
from cofactor.experiments.tuning.search_space import (
    CategoricalAxis,
    NumericAxis,
    SearchSpace,
    default_axis,
    parse_fixed,
    split_assignments,
)
from cofactor.experiments.tuning.study_storage import StudyStorage
from cofactor.experiments.tuning.trial import TrialResult
from cofactor.experiments.tuning.worker_pool import WorkerPool, divide_cores
from cofactor.trainers import TRAINERS
from cofactor.trainers.als import ALS
from cofactor.trainers.autoencoder import Autoencoder
from cofactor.trainers.base import Trainer
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.bayes import Bayes
from cofactor.trainers.ease import EASE
from cofactor.trainers.knn import KNN
from cofactor.trainers.popularity import Popularity
from cofactor.trainers.svd import SVD

everyone = pytest.mark.parametrize("name", TRAINERS)


# ---- where to look ------------------------------------------------------------------------------------------------


@everyone
def test_defaults_lie_where_their_trainers_look(name):
    space = SearchSpace.for_trainer(TRAINERS[name])
    assert space.contains(space.default())
    for axis in space.axes.values():
        assert axis.size > 1
        if isinstance(axis, NumericAxis) and axis.log:
            assert axis.low > 0
            assert axis.high / axis.low >= 5  # or its logarithm would be no matter


@everyone
def test_passes_are_searched_where_the_learning_rate_falls_over_them_and_only_there(name):
    """Elsewhere the epoch of a model does not depend on how many are planned: patience chooses it."""
    names = {p.name for p in TRAINERS[name].hyperparameters()}
    searched = "n_epochs" in SearchSpace.for_trainer(TRAINERS[name]).axes
    assert searched is ({"n_epochs", "learning_rate"} <= names)


def test_ranges_are_narrowed_added_fixed_and_left_out():
    space = SearchSpace.for_trainer(SVD, ranges=["rank=8:16,l2=.01:.2", "seed=0:3"], fixed={"damping": 0.01})
    assert space.axes["rank"] == NumericAxis(8, 16, log=True, integer=True)
    assert space.axes["l2"] == NumericAxis(0.01, 0.2, log=True)
    assert space.axes["seed"] == NumericAxis(0, 3, log=False, integer=True)
    assert space.axes["init"] == default_axis(next(p for p in SVD.hyperparameters() if p.name == "init"))
    assert "damping" not in space.axes
    assert SearchSpace.for_trainer(SVD, only=["rank,epochs"]).axes.keys() == {"rank", "n_epochs"}
    assert SearchSpace.for_trainer(SVD, ranges=["learning-rate=.1:.3:linear"]).axes["learning_rate"] == NumericAxis(
        0.1, 0.3
    )
    assert SearchSpace.for_trainer(KNN, ranges=["pull=0.001:1:log"]).axes["pull"] == NumericAxis(0.001, 1, log=True)


def test_words_are_searched_where_the_trainer_or_the_user_says_so():
    assert SearchSpace.for_trainer(Bayes).axes["structure"] == CategoricalAxis(("mf", "svdpp", "flip"))
    assert "similarity" not in SearchSpace.for_trainer(KNN).axes
    assert SearchSpace.for_trainer(KNN, ranges=["similarity"]).axes["similarity"] == CategoricalAxis(
        ("pearson-baseline", "cosine")
    )
    found = SearchSpace.for_trainer(Autoencoder, ranges=["layers=64:128,64,tied", "loss=squared:multinomial"]).axes
    assert found["layers"] == CategoricalAxis(("64", "128,64"))
    assert found["tied"] == CategoricalAxis((False, True))
    assert found["loss"] == CategoricalAxis(("squared", "multinomial"))


def test_texts_are_parted_before_names_only():
    assert split_assignments(["a=1:2,b=3", "layers=64,32:128,n-x"]) == [
        ("a", "1:2"),
        ("b", "3"),
        ("layers", "64,32:128"),
        ("n_x", None),
    ]


def test_numbers_that_are_tried_can_be_typed_and_stay_in_their_range():
    assert NumericAxis(0.012354, 1).round(0.0123541) == 0.012354
    assert NumericAxis(0, 1).round(0.123456) == 0.1235
    assert NumericAxis(1, 9, integer=True).round(3.0) == 3


@pytest.mark.parametrize(
    ("trainer", "asked", "said"),
    [
        (SVD, {"ranges": ["ranks=1:2"]}, "no hyperparameter 'ranks'"),
        (SVD, {"ranges": ["rank=2"]}, "rank"),
        (SVD, {"ranges": ["rank=9:3"]}, "'9:3' is not a range of rank"),
        (SVD, {"ranges": ["rank=0:8"]}, "rank is 0"),
        (SVD, {"ranges": ["rank=8:x"]}, "rank is 'x'"),
        (SVD, {"ranges": ["rank=8:1e999"]}, "rank is inf"),
        (SVD, {"ranges": ["l2=nan:1"]}, "l2 is nan"),
        (SVD, {"ranges": ["rank=2.5:8"]}, "rank is 2.5"),
        (SVD, {"ranges": ["l2=0:1:log"]}, "not a range of l2"),
        (SVD, {"ranges": ["l2=1:2:3"]}, "not a range of l2"),
        (SVD, {"ranges": ["threads"]}, "no search range for threads"),
        (SVD, {"only": ["seed"]}, "no search range for seed"),
        (SVD, {"ranges": [""]}, "no hyperparameter ''"),
        (KNN, {"ranges": ["similarity=cosine"]}, "similarity needs two values"),
        (KNN, {"ranges": ["similarity=cosine:sine"]}, "similarity is 'sine'"),
        (SVD, {"fixed": {"rank": 0}}, "rank is 0"),
    ],
)
def test_what_cannot_be_searched_is_an_error(trainer: type[Trainer], asked, said):
    with pytest.raises(BadHyperparameter, match=said) as caught:
        SearchSpace.for_trainer(trainer, **asked)
    assert caught.value.hint


def test_what_is_fixed_is_read_by_its_type():
    assert parse_fixed(SVD, ["rank=7,l2=.5", "epochs=3"]) == {"rank": 7, "l2": 0.5, "n_epochs": 3}
    assert parse_fixed(Autoencoder, ["tied=yes,layers=64,32,64"]) == {"tied": True, "layers": "64,32,64"}
    for wrong in ("rank", "rank=many", "tied=perhaps"):
        with pytest.raises(BadHyperparameter):
            parse_fixed(Autoencoder if "tied" in wrong else SVD, [wrong])


# ---- judging ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def parts() -> Split:
    return split(generate(200, 80, 20, seed=1))


def go_on(step: int, loss: float) -> bool:
    return True


def test_judged_as_training_is(parts: Split):
    trainer = ALS(rank=4)
    found = evaluate_trial(trainer, [(parts.train, parts.validation)], 3, go_on)
    model = trainer.fit(parts.train, parts.validation)
    error = model.predict_rows(parts.validation.user, parts.validation.item).astype(float) - parts.validation.value
    assert found.metric == "rmse"
    assert found.value == pytest.approx(math.sqrt(np.mean(error**2)), rel=1e-6)
    assert found.error == pytest.approx(standard_error(error**2, parts.validation.user) / (2 * found.value), rel=1e-6)


@pytest.mark.parametrize("trainer", [EASE(), Popularity(), KNN(similarity="cosine")])
def test_models_that_only_rank_are_judged_by_their_lists_though_they_have_one_epoch(trainer: Trainer, parts: Split):
    found = evaluate_trial(trainer, [(parts.train, parts.validation)], 3, go_on)
    assert (found.metric, found.epochs) == ("ndcg@10", 1)
    assert 0 < found.value < 1
    assert found.loss == -found.value
    assert 0 < found.error < 0.1
    better = evaluate_trial(EASE(l2=50), [(parts.train, parts.validation)], 3, go_on)
    assert better.value != evaluate_trial(EASE(l2=5000), [(parts.train, parts.validation)], 3, go_on).value


def test_folds_are_of_the_rows_that_are_no_test_rows(parts: Split):
    folds = make_training_pairs(parts.train, parts.validation, 3, seed=0)

    def pairs(ratings: Ratings) -> set[tuple[int, int]]:
        return set(zip(ratings.user.tolist(), ratings.item.tolist(), strict=True))

    seen = pairs(parts.train) | pairs(parts.validation)
    assert [pairs(one) | pairs(other) for one, other in folds] == [seen] * 3
    assert all(not pairs(one) & pairs(other) for one, other in folds)
    assert not pairs(parts.test) & seen
    found = evaluate_trial(Baseline(), folds, 3, go_on)
    each = [evaluate_trial(Baseline(), [one], 3, go_on).value for one in folds]
    assert found.value == pytest.approx(np.mean(each))
    assert found.error == pytest.approx(np.std(each, ddof=1) / math.sqrt(3))


def test_a_training_tells_at_each_tenth_and_is_ended_when_told_to(parts: Split):
    told: list[tuple[int, float]] = []

    def note(step: int, loss: float) -> bool:
        told.append((step, loss))
        return step < 4

    whole = evaluate_trial(
        SVD(rank=4, n_epochs=20), [(parts.train, parts.validation)], 100, lambda s, x: bool(note(s, x) or 1)
    )
    assert [step for step, _ in told] == list(range(1, 10))
    assert all(one >= other for (_, one), (_, other) in pairwise(told))
    first, told = told, []
    ended = evaluate_trial(SVD(rank=4, n_epochs=20), [(parts.train, parts.validation)], 100, note)
    assert told == first[:4]
    assert (ended.pruned, ended.error) == (True, None)
    assert ended.loss == first[3][1] > whole.loss
    told = []
    evaluate_trial(
        SVD(rank=4, n_epochs=3),
        make_training_pairs(parts.train, parts.validation, 2, 0),
        1,
        lambda s, x: bool(note(s, x) or 1),
    )
    assert [step for step, _ in told] == list(range(1, 20))  # also where patience or few epochs leave tenths out


def test_what_diverges_and_what_cannot_be_judged_are_errors(parts: Split):
    with pytest.raises(BadHyperparameter, match="svd: "):
        evaluate_trial(SVD(learning_rate=1e6), [(parts.train, parts.validation)], 3, go_on)
    nothing = parts.validation.where(np.zeros(len(parts.validation), bool))
    with pytest.raises(BadData, match="no validation ratings"):
        check_validation(nothing, "random", 0)
    check_validation(nothing, "random", 2)
    for kind in ("time", "last", "window 2"):
        check_validation(parts.validation, kind, 0)
        with pytest.raises(BadData, match="train on later ratings"):
            check_validation(parts.validation, kind, 3)


# ---- what is kept -------------------------------------------------------------------------------------------------

SAME = {"trainer": "svd", "hyperparameters": {"patience": 3}, "split": "0" * 64}


def valley(values) -> float:
    """An objective with a known optimum: rank 32, l2 .05."""
    return math.log2(values["rank"] / 32) ** 2 + math.log10(values["l2"] / 0.05) ** 2


def told(loss: float) -> ObjectiveValue:
    return ObjectiveValue("rmse", loss, 0.01, 5, 0.5, 0.4)


def search(store: StudyStorage, n: int, seed: int = 0) -> list[TrialResult]:
    study = store.open_study(SearchSpace.for_trainer(SVD, only=["rank,l2"]), seed, SAME)
    while len(study.trials) < n:
        one = study.ask()
        study.record(one, told(1 + valley(one.values)))
    return study.trials


def test_the_optimum_of_a_known_objective_is_found_and_the_defaults_come_first(tmp_path):
    trials = search(StudyStorage(tmp_path / "study.db", resume=False), 45)
    assert trials[0].hyperparameters == {"rank": SVD().rank, "l2": SVD().l2}
    best = best_trial(trials, "rmse")
    assert valley(best.hyperparameters) < 0.02
    after_chance = [valley(one.hyperparameters) for one in trials[30:]]
    assert np.median(after_chance) < np.median([valley(one.hyperparameters) for one in trials[1:11]])


def test_a_search_that_was_broken_off_goes_on_as_if_it_had_not_been(tmp_path):
    whole = search(StudyStorage(tmp_path / "whole.db", resume=False), 18)
    assert whole != search(StudyStorage(tmp_path / "other.db", resume=False), 12, seed=1)
    for n in (1, 7, 13):
        store = StudyStorage(tmp_path / "parts.db", resume=n > 1)
        assert search(store, n) == whole[:n]
        study = store.open_study(SearchSpace.for_trainer(SVD, only=["rank,l2"]), 0, SAME)
        study.report(study.ask(), 1, 3.0)  # begun, and never ended
        store.close()
    assert search(StudyStorage(tmp_path / "parts.db", resume=True), 18) == whole


def test_failed_and_pruned_trials_are_kept_and_drawn_away_from(tmp_path):
    store = StudyStorage(tmp_path / "study.db", resume=False)
    space = SearchSpace.for_trainer(SVD, only=["rank"])
    study = store.open_study(space, 0, SAME)
    for _ in range(40):
        one = study.ask()
        if one.values["rank"] > 40 and one.number:
            study.record_failure(one, "diverged", 0.1)
        else:
            study.record(one, told(1.0))
    failed = [one.state == "failed" for one in study.trials]
    assert any(failed[:15])
    assert sum(failed[25:]) < sum(failed[1:16])
    assert study.failure_reasons == ["diverged"] * sum(failed)
    store.close()
    again = StudyStorage(tmp_path / "study.db", resume=True).open_study(space, 0, SAME)
    assert again.trials == study.trials
    assert again.failure_reasons == study.failure_reasons


def test_a_trial_worse_than_the_median_at_the_same_share_of_its_training_is_not_worth_going_on_with(tmp_path):
    study = StudyStorage(tmp_path / "study.db", resume=False).open_study(
        SearchSpace.for_trainer(SVD, only=["rank"]), 0, SAME
    )
    for n in range(6):
        one = study.ask()
        for step in range(1, 10):
            assert n >= 5 or study.report(one, step, 2.0 - step / 10 + n / 100)
        study.record(one, told(1.0 + n / 100))
    bad, good = study.ask(), study.ask()
    assert [study.report(bad, step, 3.0) for step in (1, 2, 3)] == [True, True, False]
    assert all(study.report(good, step, 1.9 - step / 10) for step in range(1, 10))


def test_defaults_outside_the_ranges_are_tried_and_leave_the_ranges_as_they_are(tmp_path):
    study = StudyStorage(tmp_path / "study.db", resume=False).open_study(
        SearchSpace.for_trainer(KNN, ranges=["shrinkage=1:2"], only=["shrinkage"]), 0, SAME
    )
    assert study.ask().values == {"shrinkage": KNN().shrinkage}
    (one,) = study.running.values()
    study.record(one, told(1.0))
    for _ in range(20):
        one = study.ask()
        assert 1 <= one.values["shrinkage"] <= 2
        study.record(one, told(1.5))
    assert best_trial(study.trials, "rmse").number == 0
    assert find_trial(study.trials, {"shrinkage": KNN().shrinkage}) == study.trials[0]


def test_importance_tells_what_matters_from_what_does_not(tmp_path):
    study = StudyStorage(tmp_path / "study.db", resume=False).open_study(
        SearchSpace.for_trainer(SVD, only=["rank,l2,init"]), 0, SAME
    )
    assert study.importances() == {}
    for _ in range(28):
        one = study.ask()
        study.record(one, told(1 + math.log2(one.values["rank"] / 32) ** 2))
    found = study.importances()
    assert sum(found.values()) == pytest.approx(1)
    assert found["rank"] > 0.5


def test_another_search_is_refused(tmp_path):
    path = tmp_path / "study.db"
    store, space = StudyStorage(path, resume=False), SearchSpace.for_trainer(SVD)
    store.open_study(space, 0, SAME)
    with pytest.raises(InUse, match="another search is writing"):
        StudyStorage(path, resume=True)
    store.close()
    with pytest.raises(BadArtifact, match="there is a search in") as caught:
        StudyStorage(path, resume=False)
    assert "--resume" in caught.value.hint
    store = StudyStorage(path, resume=True)
    for same, error in (
        ({**SAME, "split": "1" * 64}, SplitMismatch),
        ({**SAME, "hyperparameters": {"patience": 4}}, BadHyperparameter),
        ({**SAME, "judged by": "3 folds"}, SplitMismatch),
    ):
        with pytest.raises(error):
            store.open_study(space, 0, same)
    store.open_study(space, 0, SAME)


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 99, b"SQLite format 3\0" + bytes(999)])
def test_a_file_that_holds_no_search_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "study.db"
    path.write_bytes(content)
    with pytest.raises(BadArtifact, match=r"study\.db"):
        StudyStorage(path, resume=True)
    assert path.read_bytes() == content
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE precious (id)")
    other.close()
    with pytest.raises(BadArtifact, match="is not a study file"):
        StudyStorage(tmp_path / "other.db", resume=True)


def test_a_damaged_search_is_an_error_in_one_line(tmp_path):
    path = tmp_path / "study.db"
    store = StudyStorage(path, resume=False)
    search(store, 12)
    store.close()
    whole, space = path.read_bytes(), SearchSpace.for_trainer(SVD, only=["rank,l2"])
    for statement in (
        "UPDATE trial_user_attributes SET value_json = '[1]'",
        "UPDATE trial_user_attributes SET value_json = '{' WHERE key = 'result'",
        'UPDATE trial_params SET distribution_json = \'{"name": "os.system", "attributes": {}}\'',
        "DELETE FROM trial_user_attributes WHERE key = 'values'",
        "DELETE FROM study_user_attributes",
        "DROP TABLE trial_values",
    ):
        path.write_bytes(whole)
        damaged = sqlite3.connect(path)
        damaged.execute(statement)
        damaged.commit()
        damaged.close()
        store = StudyStorage(path, resume=True)
        with pytest.raises(BadArtifact):
            store.open_study(space, 0, SAME)
        store.close()


# ---- processes ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(parts: Split, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("handed out") / "ratings"
    facts = {"kind": parts.kind, "seed": parts.seed, "fingerprint": parts.fingerprint}
    write_parts(folder, {"train": parts.train, "validation": parts.validation}, facts)
    return folder


def tuning(store: StudyStorage, pool: WorkerPool, space: SearchSpace, budget: Budget, **more) -> HyperparameterSearch:
    return HyperparameterSearch(store.open_study(space, 0, SAME), pool, budget, 3, 1, **more)


def test_cores_are_shared_and_not_oversubscribed(monkeypatch):
    for n_cores, jobs, wanted in (
        (8, None, (8, 1)),
        (8, 3, (3, 2)),
        (2, 1, (1, 2)),
        (2, 5, (5, 1)),
        (32, None, (8, 4)),
    ):
        monkeypatch.setattr("cofactor.experiments.tuning.worker_pool.cores", lambda n=n_cores: n)
        assert divide_cores(jobs) == wanted


def test_two_processes_find_the_best_hyperparameters_for_synthetic_ratings(folder, parts: Split, tmp_path):
    store, space = StudyStorage(tmp_path / "study.db", resume=False), SearchSpace.for_trainer(ALS, only=["rank,l2"])
    with WorkerPool(folder, 2, 1) as pool:
        ended = tuning(store, pool, space, Budget(trials=12)).run()
        study = store.open_study(space, 0, SAME)
        trials = study.trials
        assert ended == "trials"
        assert len({one.process.pid for one in pool.workers}) == 2
        assert [one.number for one in sorted(trials, key=lambda one: one.number)] == list(range(12))
        best, default = best_trial(trials, "rmse"), find_trial(trials, space.default())
        assert best.value <= default.value
        model = ALS(**best.hyperparameters).fit(parts.train, parts.validation)
        error = model.predict_rows(parts.validation.user, parts.validation.item).astype(float) - parts.validation.value
        assert best.value == pytest.approx(math.sqrt(np.mean(error**2)), rel=1e-6)  # as it is anywhere else

        # a process that is killed costs its trial, not the search
        pool.workers[0].process.kill()
        assert tuning(store, pool, space, Budget(trials=14)).run() == "trials"

        # the time is kept; what is broken off does not count
        budget = Budget(seconds=1.0)
        assert tuning(store, pool, SearchSpace.for_trainer(ALS, only=["rank,l2"]), budget).run() == "time"
        assert -1.0 < budget.left < 0.3
        n = len(store.open_study(space, 0, SAME).trials)
        assert tuning(store, pool, space, Budget(), is_stopped=lambda: True).run() == "interrupted"
        assert len(store.open_study(space, 0, SAME).trials) == n

        # nothing but failures ends it, with the reason
        hopeless = SearchSpace.for_trainer(
            SVD, ranges=["learning_rate=1e5:1e6"], only=["learning_rate"], fixed={"n_epochs": 2, "init": 1e9}
        )
        with pytest.raises(BadHyperparameter, match="trials failed: svd: "):
            tuning(store, pool, hopeless, Budget(trials=20)).run()


def test_the_callers_script_is_not_run_again_by_the_processes(tmp_path):
    script = tmp_path / "search.py"
    script.write_text(
        "import cofactor\n"
        "print('begins')\n"
        "parts = cofactor.split(cofactor.generate(30, 20, 8, seed=0))\n"
        "print(cofactor.tune(cofactor.Baseline, parts, trials=2, jobs=1).best.number)\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()[0], len(done.stdout.split())) == (0, "begins", 2), done.stderr


def test_one_process_gives_one_result_and_a_small_space_is_tried_once(folder, tmp_path):
    space = SearchSpace.for_trainer(Baseline, only=["user_l2"])
    with WorkerPool(folder, 1, 1) as pool:
        found = []
        for name in ("one", "other"):
            store = StudyStorage(tmp_path / f"{name}.db", resume=False)
            tuning(store, pool, space, Budget(trials=8)).run()
            trials = store.open_study(space, 0, SAME).trials
            found.append([(one.hyperparameters, one.state, one.value) for one in trials])
        assert found[0] == found[1]
        store = StudyStorage(tmp_path / "words.db", resume=False)
        two = SearchSpace.for_trainer(KNN, ranges=["min_support=1:2"], only=["min_support"])
        assert tuning(store, pool, two, Budget(trials=50)).run() == "trials"
        assert sorted(one.hyperparameters["min_support"] for one in store.open_study(two, 0, SAME).trials)[0] == 1
        mixed = SearchSpace.for_trainer(KNN, ranges=["similarity"], only=["similarity"])
        store = StudyStorage(tmp_path / "mixed.db", resume=False)
        tuning(store, pool, mixed, Budget(trials=5)).run()
        study = store.open_study(mixed, 0, SAME)
        assert {one.state for one in study.trials} == {"done", "failed"}
        assert study.failure_reasons == ["its metric is ndcg@10, that of the other trials is rmse"]
        # a sweep tries each point once
        grid = SearchSpace.grid(EASE, {"l2": [100.0, 1000.0]}, {})
        store = StudyStorage(tmp_path / "sweep.db", resume=False)
        swept = HyperparameterSearch(store.open_study(grid, 0, SAME, sweep=True), pool, Budget(), 3, 1, sweep=True)
        assert swept.run() == "swept"
        assert [one.hyperparameters for one in swept.trials] == [{"l2": 100.0}, {"l2": 1000.0}]


def test_what_is_wrong_with_the_data_ends_the_search(tmp_path):
    with WorkerPool(tmp_path / "nowhere", 1, 1) as pool:
        pool.start_missing()
        with pytest.raises(CofactorError, match="no split at"):
            list(pool.messages(60))


def test_seeds_of_a_point_are_one_figure_with_its_spread():
    trials = [
        TrialResult(n, "svd", {"rank": rank, "seed": n % 3}, "done", value, 0.5, 4, seconds, 1.0)
        for n, (rank, value, seconds) in enumerate([(8, 1.0, 1), (8, 1.1, 2), (8, 1.2, 3), (16, 0.9, 1), (16, 0.9, 1)])
    ]
    one, other = average_seeds(trials)
    assert (one.hyperparameters, one.value, one.seconds) == ({"rank": 8}, pytest.approx(1.1), 2)
    assert one.error == pytest.approx(0.1 / math.sqrt(3))
    assert other.error == 0
