"""Recommendations, similar items and explanations as text."""

from collections.abc import Sequence

from cofactor.data.kind import Kind
from cofactor.data.tables.text_table import TextTable
from cofactor.models.base import Model
from cofactor.models.top_n.recommendations import RatingEffect, Recommendation


def recommendations_table(model: Model, recommendations: Sequence[Recommendation]) -> TextTable:
    """The top-N list of a model, each item followed by the ratings that explain it."""
    digits = 2 if model.scale is not None else 4
    rows = []
    for place, one in enumerate(recommendations, 1):
        rows.append([str(place), one.item, one.title, _genres(one), f"{one.score:.{digits}f}"])
        kind = model.training_data.kind
        rows += [["", "", f"  {_describe_effect(effect, kind)}", "", ""] for effect in one.because]
    return TextTable(rows, ["", "item", "title", "genres", "score"], left=4)


def similar_items_table(items: Sequence[Recommendation]) -> TextTable:
    """Items similar to another, the most similar first."""
    rows = [[one.item, one.title, _genres(one), f"{one.score:.4f}"] for one in items]
    return TextTable(rows, ["item", "title", "genres", "similarity"], left=3)


def effects_table(effects: Sequence[RatingEffect], kind: Kind = "ratings") -> TextTable:
    """The ratings that explain a score, the one with the strongest effect first; kind: of the values."""
    rows = [[one.item, one.title, f"{one.rating:g}", f"{one.effect:+.3f}"] for one in effects]
    if kind == "pairs":
        return TextTable([[*row[:2], row[3]] for row in rows], ["item", "title", "effect"], left=2)
    return TextTable(rows, ["item", "title", "rated" if kind == "ratings" else "count", "effect"], left=2)


def highest_ratings_table(model: Model, user: str, n: int) -> TextTable:
    """The n highest training ratings of a user; of equal ones, the first in the model's order of items."""
    data = model.training_data
    items, ratings = data.rated(data.users.row(user))
    highest = sorted(zip(ratings.tolist(), items.tolist(), strict=True), key=lambda one: (-one[0], one[1]))[:n]
    genres = data.genres if data.genres is not None else [""] * len(data.items)
    rows = [[data.title(item), genres[item].replace("|", ", "), f"{rating:g}"] for rating, item in highest]
    return TextTable(rows, ["title", "genres", "rated"], left=2)


def _genres(one: Recommendation) -> str:
    return one.genres.replace("|", ", ")


def _describe_effect(effect: RatingEffect, kind: Kind) -> str:
    value = "" if kind == "pairs" else f" ({effect.rating:g})"
    return f"{effect.effect:+.2f} for {effect.title}{value}"
