"""The facts about a model that a notebook shows."""

from cofactor.data.tables.html_table import html_table
from cofactor.models.scoring import ScoringModel


def describe_model(model: ScoringModel) -> dict[str, str]:
    """What a model is, how it was trained and on what, by heading."""
    data, origin = model.training_data, model.provenance
    facts = {"model": type(model).__name__}
    if origin is not None:
        settings = ", ".join(f"{name}={value}" for name, value in origin.hyperparameters.items())
        facts |= {"trainer": origin.trainer, "hyperparameters": settings}
    if origin is not None and origin.best_epoch is not None:
        facts["best epoch"] = str(origin.best_epoch)
    scores = "ranks items" if model.scale is None else f"ratings from {model.scale[0]:g} to {model.scale[1]:g}"
    sizes = f"{len(data.users):,} users, {len(data.items):,} items, {data.interactions.nnz:,} {data.kind}"
    return facts | {"scores": scores, "training data": sizes}


def model_as_html(model: ScoringModel) -> str:
    """The facts about a model as a table."""
    facts = describe_model(model)
    return html_table({"": list(facts), "value": list(facts.values())}, rows=len(facts))
