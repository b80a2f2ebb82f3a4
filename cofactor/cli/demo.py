"""`cofactor demo`: a tour on synthetic movie ratings, from training to recommendations with explanations."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli.terminal import drawing, messages, print_paragraphs, print_table, print_text, waiting

if TYPE_CHECKING:
    from rich.console import Console

    from cofactor.data.splitting.split import Split
    from cofactor.experiments.comparison.model_result import ModelResult
    from cofactor.experiments.evaluation_plan import EvaluationPlan
    from cofactor.models.base import Model
    from cofactor.trainers.base import Trainer

# The models of the demo with their hyperparameters; the last one recommends and can be served.
MODELS: dict[str, dict[str, Any]] = {
    "popularity": {},
    "baseline": {},
    "svd": {"rank": 16, "n_epochs": 40, "l2": 0.03},  # 54 ratings a user, eight true dimensions
}
N_LISTED = 5


@click.command()
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Folder for the models and the report.",
)
def demo(out: Path) -> None:
    """Train popularity, baseline and SVD on synthetic movie ratings, compare them and recommend.

    It needs no network and only the base installation, and takes at most a minute and a half.
    """
    from cofactor.data.data_source import SYNTHETIC
    from cofactor.data.splitting.recipe import SplitRecipe
    from cofactor.data.synthetic.demo import demo_ratings
    from cofactor.experiments.comparison.split_results import ComparisonResult, SplitResults
    from cofactor.experiments.comparison.summarize import summarize
    from cofactor.experiments.evaluation_plan import EvaluationPlan
    from cofactor.report.text.comparison import describe_comparison
    from cofactor.report.write import write_report

    console = messages()
    with waiting(console, "generating movie ratings"):
        data = demo_ratings()
        parts = SplitRecipe().split(data.ratings)
    users, items = len(data.ratings.users), len(data.ratings.items)
    console.print(f"{len(data.ratings):,} synthetic ratings of {items:,} movies by {users:,} users\n")
    plan = EvaluationPlan(SYNTHETIC, lambda: iter([(parts.kind, parts)]), 1)
    models = {name: _train_and_save(name, plan, parts, out / "models", console) for name in MODELS}
    with waiting(console, "comparing"):
        results = {name: result for name, (_, result) in models.items()}
        summary = summarize(
            plan, ComparisonResult([SplitResults(parts.kind, parts, results)], {}, False), command="cofactor demo"
        )
    with drawing(console) as advance:
        write_report(summary, out / "report", advance)
    print_text(f"On {len(parts.test):,} test ratings that no model has seen:\n")
    print_paragraphs(describe_comparison(summary, plan))
    print_text(f"\nThe lowest possible RMSE is {data.best_rmse:.4f}, the noise floor of the synthetic ratings.\n")
    best = list(models)[-1]
    _recommend(models[best][0])
    folder = out / "models" / best
    console.print(f"the report: {out / 'report' / 'report.html'}", markup=False)
    console.print("serve it with: make serve", style="bold")
    console.print(f"or: cofactor serve {folder}, and look at http://127.0.0.1:8000/", markup=False)


def _train_and_save(
    name: str, plan: "EvaluationPlan", parts: "Split", place: Path, console: "Console"
) -> "tuple[Model, ModelResult]":
    """Trains a model with its progress on the console, evaluates and saves it."""
    from cofactor.data.data_source import SYNTHETIC
    from cofactor.data.splitting.recipe import SplitRecipe
    from cofactor.experiments.comparison.model_result import make_result
    from cofactor.experiments.resource_usage import measure_resources
    from cofactor.experiments.subprocess_worker import warm_up
    from cofactor.saved.model_folder import save
    from cofactor.training.fit import fit
    from cofactor.training.tracking.progress import ProgressDisplay

    trainer = _make_trainer(name)
    console.print(f"cofactor train {_format_options(name)}", style="bold")
    with waiting(console, "compiling"):
        warm_up(trainer, parts.train)
    with measure_resources() as usage:
        fitted = fit(trainer, parts, progress=ProgressDisplay(console), handle_interrupts=True)
    console.print()
    with waiting(console, "evaluating"):
        report = plan.evaluate(fitted.model, parts)
        save(
            fitted.model,
            place / name,
            trainer=name,
            hyperparameters=trainer.settings(),
            metrics=report.metrics,
            data=SYNTHETIC,
            split_recipe=asdict(SplitRecipe()),
            cost={"cpu_seconds": usage.cpu_seconds, "peak_bytes": usage.peak_bytes},
            **fitted.notes(),
        )
        return fitted.model, make_result(name, "trained", place / name, fitted.model, report, parts)


def _make_trainer(name: str) -> "Trainer":
    from cofactor.trainers import TRAINERS

    return TRAINERS[name].of(**MODELS[name])


def _format_options(name: str) -> str:
    """The arguments of `cofactor train` for the same trainer."""
    return " ".join([name, *(f"--{one.removeprefix('n_')} {value}" for one, value in MODELS[name].items())])


def _recommend(model: "Model") -> None:
    """Prints what the first user liked most, and what is recommended to them."""
    from cofactor.report.text.recommendations import highest_ratings_table, recommendations_table

    user = str(model.training_data.users.ids[0])
    print_text(f"User {user} liked most:\n")
    print_table(highest_ratings_table(model, user, N_LISTED))
    print_text(f"\nRecommended to user {user}, with the rating that contributed most to each:\n")
    print_table(recommendations_table(model, model.recommend(user, N_LISTED, why=1)))
    print_text()
