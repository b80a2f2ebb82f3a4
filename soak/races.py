"""Open a model while another one is moved into its place: the result must be one of the two or an error, no mixture.

    python -m soak.races [--cases 5000]

Both have the same number of users and items, so that the ids of one fit the vectors of the other. A thread renames
them into place in turn, as saving does; between two renames there is no folder at all.
"""

import argparse
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadArtifact
from cofactor.models.baseline import BaselineModel
from cofactor.saved.model_folder import save
from cofactor.serving.loaded_model import LoadedModel
from soak.folders import check_error, model_content, temporary_folder
from soak.model_queries import WrongAnswer, query_everything
from soak.result_table import print_result
from soak.workers import Case, run
from tests.toys import noise

LONGEST_PAUSE = 3  # between two swaps, as a multiple of the time that opening a model takes on this machine


def racing_case(scratch: str) -> Case:
    """Returns a case that opens a folder below `scratch` which a thread keeps replacing."""
    own = Path(tempfile.mkdtemp(dir=scratch))
    for name, prefix in (("one", "x"), ("other", "y")):
        save(_model(prefix), own / name)
    known = [model_content(LoadedModel.open(own / name)) for name in ("one", "other")]
    start = time.perf_counter()
    LoadedModel.open(own / "one")
    longest = LONGEST_PAUSE * (time.perf_counter() - start)
    (own / "one").rename(own / "live")
    threading.Thread(target=_swap, args=(own, longest), daemon=True).start()

    def case(number: int) -> str:
        try:
            bundle = LoadedModel.open(own / "live")
        except BadArtifact as error:
            check_error(error, own / "live")
            return "refused"
        if model_content(bundle) not in known:
            raise WrongAnswer("a mixture of two models")
        query_everything(bundle)
        return "one of the two"

    return case


def _swap(own: Path, longest: float) -> None:
    """Renames the two models into place in turn until the process ends."""
    rng = np.random.default_rng(0)
    while True:
        (own / "live").rename(own / "aside")
        (own / "other").rename(own / "live")
        (own / "aside").rename(own / "other")
        time.sleep(rng.uniform(0, longest))


def _model(prefix: str) -> BaselineModel:
    """A model whose ids begin with a prefix, which also seeds its numbers."""
    training_data, rng = noise().training_data, np.random.default_rng(ord(prefix))
    users, items = (
        np.array([prefix + one for one in ids.ids], object) for ids in (training_data.users, training_data.items)
    )
    renamed = replace(training_data, users=Vocabulary(users, "user"), items=Vocabulary(items, "item"))
    user_bias, item_bias = rng.random(len(users)).astype(np.float32), rng.random(len(items)).astype(np.float32)
    return BaselineModel(renamed, training_data.scale, 3.0, user_bias, item_bias, 5.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=5_000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with temporary_folder() as folder:
        print_result("folders swapped while read", run(racing_case, (folder,), given.cases, given.workers))


if __name__ == "__main__":
    main()
