"""CPU microseconds of every kind of query to a served model, without HTTP: the median and the minimum.

python benchmarks/synthetic_catalogue.py build/catalogue
python benchmarks/service_queries.py models/svd build/catalogue
"""

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from cofactor.serving.loaded_model import LoadedModel
from cofactor.serving.schemas import requests as ask
from cofactor.serving.service import RecommendationService

USERS = 200  # whom a question is asked for in turn
MOST_SECONDS = 1.0  # of one question, repeated
RATED = 165  # ratings of the history that is folded in: the mean of MovieLens 1M


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+")
    asked = parser.parse_args()
    with threadpool_limits(1, "blas"):
        columns = [measured(RecommendationService(LoadedModel.open(path))) for path in asked.models]
    print(f"| question | {' | '.join(path.name for path in asked.models)} |")
    print("|---|" + "---|" * len(columns))
    for name in columns[0]:
        print(
            f"| {name} | " + " | ".join(f"{column[name][0]:,.0f} ({column[name][1]:,.0f})" for column in columns) + " |"
        )


def measured(answers: RecommendationService) -> dict[str, tuple[float, float]]:
    return {name: microseconds(question) for name, question in questions(answers).items()}


def questions(answers: RecommendationService) -> Mapping[str, Callable[[int], object]]:
    """Every kind of query, as a function of k, for the k-th of a few hundred users or items."""
    training_data, rng = answers.loaded_model.model.training_data, np.random.default_rng(0)
    users = [str(one) for one in rng.choice(training_data.users.ids, USERS)]
    items = [answers.loaded_model.items.ids[row] for row in answers.loaded_model.items.by_popularity[: 2 * USERS]]
    rated = rng.choice(items, min(RATED, len(items)), replace=False).tolist()
    stars = rng.choice(np.array(training_data.scale), len(rated)).tolist()
    history = [ask.Rated(item=item, rating=value) for item, value in zip(rated, stars, strict=True)]
    genre = next(iter(answers.loaded_model.items.genre_masks))
    right, wrong = words(answers.loaded_model.items.titles[answers.loaded_model.items.by_popularity[0]])

    def listed(**asked: object) -> Callable[[int], object]:
        query = ask.ListQuery.model_validate(asked)
        return lambda k: answers.recommendations(users[k], query)

    def folded(**asked: object) -> Callable[[int], object]:
        body = ask.FoldedBody.model_validate({"ratings": history, **asked})
        return lambda k: answers.recommendations_for_ratings(body)

    candidates = ask.ListBody(candidates=items[:100])
    batch = ask.BatchBody(users=users[:10])
    return {
        "list of 10": listed(),
        "list of 100": listed(n=100),
        "list of 10, of one genre and some years": listed(genre=[genre], year_from=1950, year_to=1999),
        "list of 10 with variety": listed(diversity=0.3),
        "list of 10, why 1": listed(why=1),
        "100 candidates": lambda k: answers.recommendations(users[k], candidates),
        f"fold-in of {len(history)} ratings": folded(),
        f"fold-in of {len(history)} ratings, why 1": folded(why=1),
        "lists of 10 users": lambda k: answers.batch(batch),
        "explanation": lambda k: answers.explanation(users[k], items[k], ask.ExplanationQuery()),
        "similar items": lambda k: answers.similar(items[k], ask.SimilarQuery()),
        "similar users": lambda k: answers.similar_users(users[k], ask.SimilarUsersQuery()),
        "popular items": lambda k: answers.popular(ask.PopularQuery()),
        "items by title": lambda k: answers.items(ask.ItemsQuery(query=right)),
        "search, spelt right": lambda k: answers.search(ask.SearchQuery(q=right)),
        "search, an error in every word": lambda k: answers.search(ask.SearchQuery(q=wrong)),
        "titles by genre": lambda k: answers.categs(ask.CategsQuery(input_str=genre)),
    }


def words(title: str) -> tuple[str, str]:
    """The first words of a title, and the same words with a typing error in each."""
    right = [word for word in title.split() if len(word) > 3 and word.isalpha()][:3] or [title[:6]]
    return " ".join(right), " ".join(word[:1] + word[2] + word[1] + word[3:] for word in right)


def microseconds(question: Callable[[int], object]) -> tuple[float, float]:
    for k in range(3):
        question(k)
    times, started = [], time.process_time()
    while len(times) < 2000 and time.process_time() - started < MOST_SECONDS:
        before = time.process_time_ns()
        question(len(times) % USERS)
        times.append((time.process_time_ns() - before) / 1e3)
    return float(np.median(times)), min(times)


if __name__ == "__main__":
    main()
