"""The names that other libraries have for our arguments, and the error for an unknown argument that names ours."""

import difflib
import functools
import inspect
from collections.abc import Callable, Collection, Iterable
from typing import Any, ParamSpec, TypeVar

from cofactor.errors import UnknownArgument

P = ParamSpec("P")
R = TypeVar("R")

# Our names, and those of Surprise, implicit, LensKit, RecBole, RecTools, scikit-learn and older programs for the same
# thing, in lower case. Where a name has several meanings, the first of ours that the function or trainer has counts.
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "n_neighbours": ("k", "n", "neighbors", "neighbours", "n_neighbors", "max_nbrs", "max_neighbors", "num_neighbors"),
    "rank": (
        *("factors", "n_factors", "num_factors", "no_factors", "n_components", "no_components", "components", "k"),
        *("dim", "dimension", "dimensions", "latent_dim", "embedding_dim", "embedding_size", "embed_size", "features"),
    ),
    "deep_rank": ("factors", "n_factors", "dim", "dimension", "embedding_dim", "embedding_size", "mlp_embedding_size"),
    "n_epochs": ("epochs", "num_epochs", "iterations", "n_iterations", "num_iterations", "n_iter", "max_iter", "epoch"),
    "sweeps": ("epochs", "n_epochs", "iterations", "n_iter", "max_iter"),
    "learning_rate": ("lr", "lr_all", "learning_rate_init", "eta", "alpha", "gamma", "step_size"),
    "l2": (
        *("reg", "reg_all", "reg_weight", "reg_param", "reg_lambda", "regularization", "regularisation", "lam"),
        *("regularization_factor", "regularisation_factor", "l2_reg", "lambda", "lambda_", "lmbda", "weight_decay"),
    ),
    "deep_l2": ("reg", "regularization", "regularization_factor", "l2", "weight_decay"),
    "user_l2": ("reg_u", "user_reg", "reg_bu", "user_damping"),
    "item_l2": ("reg_i", "item_reg", "reg_bi", "item_damping"),
    "bias_l2": ("reg_bu", "reg_bi", "reg_b", "bias_reg"),
    "init": ("init_std", "init_std_dev", "init_stdev", "init_scale"),
    "layers": ("mlp_hidden_size", "hidden_size", "hidden_layer_sizes", "hidden_dims", "hidden_units", "layer_sizes"),
    "dropout": ("dropout_prob", "dropout_rate", "drop_rate", "mlp_dropout"),
    "batch_size": ("train_batch_size", "minibatch_size", "batch"),
    "optimiser": ("optimizer", "learner"),
    "schedule": ("scheduler", "lr_schedule", "learning_rate_schedule"),
    "similarity": ("sim_options", "metric", "distance"),
    "shrinkage": ("shrink",),
    "unobserved": ("alpha", "unobserved_weight", "negative_weight"),
    "device": ("use_gpu", "gpu", "gpu_id", "cuda"),
    "seed": ("random_state", "random_seed", "rng", "rng_spec", "rng_seed"),
    "threads": ("n_jobs", "num_threads", "n_threads", "num_workers", "workers", "nproc"),
    "patience": (
        *("max_checkout_without_progress", "early_stopping", "early_stopping_patience", "early_stopping_rounds"),
        *("stopping_step", "n_iter_no_change"),
    ),
    "checkpoint": ("checkpoint_dir", "checkpoint_path"),
    "trackers": ("callbacks", "logger", "loggers"),
    "progress": ("verbose", "show_progress", "progress_bar"),
    "test_share": ("test_size", "test_fraction", "test_ratio", "train_size", "train_percentage"),
    "validation_share": ("validation_size", "val_size", "valid_size", "validation_fraction", "validation_ratio"),
    "test": ("test_size", "test_fraction", "test_ratio", "test_share", "train_size", "train_percentage", "testset"),
    "validation": ("validation_size", "val_size", "valid_size", "validation_fraction", "validation_share", "val"),
    "n_folds": ("k", "cv", "folds", "n_splits"),
    "kind": ("method", "strategy", "splitter"),
    "k": ("n", "topk", "top_k", "k_list", "cutoff", "cutoffs", "list_length"),
    "n": ("k", "topk", "top_k", "top_n", "num", "count", "size", "limit", "n_recos", "num_items", "n_items"),
    "include_seen": ("filter_already_liked_items", "filter_viewed", "exclude_seen", "remove_seen"),
    "deny": ("filter_items", "exclude_items", "exclude", "blacklist"),
    "candidates": ("items", "items_to_recommend", "item_ids"),
    "user_ids": ("users", "user", "user_id", "userid", "uid"),
    "item_ids": ("items", "item", "item_id", "itemid", "iid"),
    "relevant_from": ("threshold", "min_rating", "positive_threshold", "relevance_threshold"),
}  # fmt: skip

# What to say beside our name where the values differ as well
DIFFERENCES: dict[tuple[str, str], str] = {
    ("alpha", "unobserved"): "the weight of a pair without an interaction, about 1 / alpha",
    ("train_size", "test"): "the share of the test part",
    ("train_size", "test_share"): "the share of the test part",
    ("train_percentage", "test"): "the share of the test part",
    ("sim_options", "similarity"): "the name of the similarity",
    ("filter_already_liked_items", "include_seen"): "True also lists what the user has rated",
    ("filter_viewed", "include_seen"): "True also lists what the user has rated",
    ("exclude_seen", "include_seen"): "True also lists what the user has rated",
    ("remove_seen", "include_seen"): "True also lists what the user has rated",
}


def find_argument(name: str, known: Collection[str]) -> str | None:
    """Which of the known arguments somebody means who comes from another library; None where none has that name."""
    plain = name.lower().replace("-", "_")
    if plain in known:
        return plain
    return next((ours for ours, others in OTHER_NAMES.items() if ours in known and plain in others), None)


def suggest_argument(name: str, known: Collection[str], owner: str, show: Callable[[str], str] = str) -> str:
    """The hint for an unknown argument: what it is called here, a similar name, or all known names.

    owner: what has the arguments. show: how an argument of ours is written.
    """
    ours = find_argument(name, known)
    if ours is not None:
        difference = DIFFERENCES.get((name.lower().replace("-", "_"), ours), "")
        return f"here it is called {show(ours)}" + (f": {difference}" if difference else "")
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {show(near[0])}?" if near else f"{owner} has: {', '.join(map(show, known)) or 'none'}"


def check_names(given: Iterable[str], known: Collection[str], owner: str, noun: str = "argument") -> None:
    """Raises UnknownArgument, with our name for it in the hint, for the first given name that is not known."""
    for name in given:
        if name not in known:
            raise UnknownArgument(f"{owner} has no {noun} {name!r}", suggest_argument(name, known, owner))


def check_arguments(*passed_on: Callable[..., Any]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: an unknown keyword argument of the function raises UnknownArgument instead of a bare TypeError.

    passed_on: the functions that get the other keyword arguments of a function with `**options`.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        takes = [one for part in (function, *passed_on) for one in inspect.signature(part).parameters.values()]
        variadic = inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL
        known = tuple(dict.fromkeys(one.name for one in takes if one.kind not in variadic))

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            check_names(kwargs, known, function.__name__)
            return function(*args, **kwargs)

        return checked

    return decorate
