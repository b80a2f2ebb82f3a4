"""Names of arguments that people bring from other libraries."""

import copy
import inspect
import pickle

import pytest

import cofactor
from cofactor.argument_names import OTHER_NAMES, check_arguments, find_argument
from cofactor.errors import BadHyperparameter, UnknownArgument
from cofactor.trainers import TRAINERS
from tests.conftest import Run
from tests.toys import noise

RATINGS = noise()
PARTS = cofactor.split(RATINGS, seed=0)
MODEL = cofactor.Baseline().fit(PARTS.train)


@pytest.mark.parametrize(
    ("trainer", "name", "ours"),
    [
        (cofactor.SVD, "n_factors", "rank"),
        (cofactor.SVD, "lr_all", "learning_rate"),
        (cofactor.SVD, "reg_all", "l2"),
        (cofactor.IALS, "factors", "rank"),
        (cofactor.IALS, "regularization", "l2"),
        (cofactor.IALS, "iterations", "n_epochs"),
        (cofactor.IALS, "random_state", "seed"),
        (cofactor.IALS, "alpha", "unobserved: the weight of a pair without an interaction, about 1 / alpha"),
        (cofactor.KNN, "k", "n_neighbours"),
        (cofactor.KNN, "max_nbrs", "n_neighbours"),
        (cofactor.ALS, "k", "rank"),
        (cofactor.Baseline, "n_epochs", "sweeps"),
        (cofactor.Deep, "embedding_size", "deep_rank"),
        (cofactor.Ensemble, "mlp_hidden_size", "layers"),
        (cofactor.LatentFactor, "regularization_factor", "l2"),
        (cofactor.Autoencoder, "optimizer", "optimiser"),
    ],
)
def test_a_hyperparameter_under_the_name_of_another_library(trainer: type, name: str, ours: str) -> None:
    for make in (trainer, trainer.of):  # type: ignore[attr-defined]
        with pytest.raises(TypeError) as raised:
            make(**{name: 1})
        assert isinstance(raised.value, BadHyperparameter)
        assert raised.value.message.endswith(f"has no hyperparameter {name!r}")
        assert raised.value.hint == f"here it is called {ours}"


def test_a_misspelt_or_unknown_hyperparameter() -> None:
    with pytest.raises(UnknownArgument, match=r"did you mean rank\?"):
        cofactor.SVD(rnk=3)  # type: ignore[call-arg]
    with pytest.raises(UnknownArgument, match="ease has: l2, threads"):
        cofactor.EASE(zzz=3)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", TRAINERS)
def test_a_trainer_is_still_a_plain_dataclass(name: str) -> None:
    trainer = TRAINERS[name]()
    listed = [one.name for one in trainer.hyperparameters()]
    assert sorted(inspect.signature(TRAINERS[name]).parameters) == sorted(listed)
    for again in (copy.deepcopy(trainer), pickle.loads(pickle.dumps(trainer))):
        assert again == trainer


@pytest.mark.parametrize("name", TRAINERS)
def test_a_foreign_name_is_never_one_of_ours(name: str) -> None:
    known = [one.name for one in TRAINERS[name].hyperparameters()]
    assert all(find_argument(one, known) == one for one in known)
    assert find_argument(known[0].upper(), known) == known[0]
    assert all(other == other.lower() for others in OTHER_NAMES.values() for other in others)


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (lambda: cofactor.split(RATINGS, test_size=0.2), "split has no argument 'test_size'|test"),
        (lambda: cofactor.split(RATINGS, random_state=1), "split has no argument 'random_state'|seed"),
        (lambda: cofactor.evaluate(MODEL, PARTS.test, K=10), "evaluate has no argument 'K'|k"),
        (lambda: cofactor.compare({"a": MODEL, "b": MODEL}, PARTS.test, topk=5), "compare has no argument 'topk'|k"),
        (lambda: cofactor.cross_validate(cofactor.Baseline(), RATINGS, cv=5), "'cv'|n_folds"),
        (lambda: cofactor.cross_validate(cofactor.Baseline(), RATINGS, cutoff=5), "'cutoff'|k"),
        (lambda: cofactor.fit(cofactor.SVD(), PARTS, verbose=True), "fit has no argument 'verbose'|progress"),
        (lambda: cofactor.fit(cofactor.SVD(), PARTS, early_stopping_rounds=2), "'early_stopping_rounds'|patience"),
        (lambda: MODEL.recommend("1", N=5), "a list has no option 'N'|n"),
        (lambda: MODEL.recommend("1", topk=5), "a list has no option 'topk'|n"),
        (lambda: MODEL.recommend("1", filter_items=["2"]), "'filter_items'|deny"),
        (lambda: MODEL.similar_items("1", N=5), "a list has no option 'N'|n"),
        (lambda: MODEL.similar_users("1", k=5), "similar_users has no argument 'k'|n"),
        (lambda: MODEL.predict(users=["1"], items=["1"]), "predict has no argument 'users'|user_ids"),
    ],
)
def test_an_argument_under_the_name_of_another_library(call: object, hint: str) -> None:
    message, ours = hint.split("|")
    with pytest.raises(cofactor.CofactorError) as raised:
        call()  # type: ignore[operator]
    assert message in raised.value.message
    assert raised.value.hint == f"here it is called {ours}"


def test_the_opposite_of_an_argument_says_so() -> None:
    with pytest.raises(cofactor.CofactorError) as raised:
        MODEL.recommend("1", filter_already_liked_items=False)  # type: ignore[call-arg]
    assert raised.value.hint == "here it is called include_seen: True also lists what the user has rated"


def test_a_checked_function_takes_what_it_took() -> None:
    @check_arguments()
    def add(a: int, *more: int, b: int = 0) -> int:
        """Adds."""
        return a + sum(more) + b

    assert add(1, 2, 3, b=4) == 10
    assert (add.__name__, add.__doc__) == ("add", "Adds.")
    with pytest.raises(UnknownArgument, match="add has: a, b"):
        add(1, zzz=2)  # type: ignore[call-arg]
    with pytest.raises(UnknownArgument):
        add(1, more=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="missing"):
        add()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("arguments", "ours"),
    [
        (("train", "svd", "--factors", "3"), "--rank"),
        (("train", "svd", "--n-factors=3"), "--rank"),
        (("train", "latent-factor", "--dimension", "3"), "--rank"),
        (("train", "latent-factor", "--reg", ".1"), "--l2"),
        (("train", "latent-factor", "--regularization-factor", ".1"), "--l2"),
        (("train", "deep", "--max-checkout-without-progress", "3"), "--patience"),
        (("train", "svd", "--iterations", "3"), "--epochs"),
        (("train", "svd", "--test-size", ".2"), "--test-share"),
        (("train", "svd", "--random-state", "2"), "--seed"),
        (("recommend", "models/svd", "1", "--top-k", "3"), "-n"),
        (("compare", "svd --factors 3"), "--rank"),
    ],
)
def test_an_option_under_the_name_of_another_program(arguments: tuple[str, ...], ours: str, run: Run) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert "No such option: --" in done.stderr
    assert f"hint: here it is called {ours}\n" in done.stderr


def test_a_misspelt_option_has_the_nearest_as_its_hint(run: Run) -> None:
    assert "hint: did you mean --rank?" in run("train", "svd", "--rnk", "3").stderr
    assert "hint: cofactor train svd --help shows the options" in run("train", "svd", "--zzz", "3").stderr
