"""The synthetic ratings that `cofactor demo` and every command without DATA use."""

from cofactor.data.synthetic.generate import SyntheticRatings, generate_from_recipe
from cofactor.data.synthetic.ground_truth import SyntheticRecipe

DEMO_RECIPE = SyntheticRecipe(users=2_000, items=800, per_user=60, seed=0, pattern="taste", rank=8, noise=0.5)


def demo_ratings() -> SyntheticRatings:
    """120,000 ratings, equal on every machine, with the lowest RMSE that a model can reach on them."""
    return generate_from_recipe(DEMO_RECIPE)
