"""Opening a model while another is put in its place, again and again: one of the two, or a refusal, never a mixture.

    python -m soak.races [--cases 5000]

Both have as many users and items, so that the ids of one fit the vectors of the other. A thread renames them to the
place in turn, as saving does: for a moment no folder is there at all.
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
from soak.crew import Case, run
from soak.folders import check_error, content_of, scratch
from soak.questions import Wrong, ask_everything
from soak.table import printed
from tests.toys import noise

MOST_BETWEEN = 0.03  # seconds between two swaps; opening takes about a third of it


def racer(scratch: str) -> Case:
    """Opens a folder of its own below `scratch` that is replaced all the time."""
    own = Path(tempfile.mkdtemp(dir=scratch))
    for name, prefix in (("one", "x"), ("other", "y")):
        save(_model(prefix), own / name)
    known = [content_of(LoadedModel.open(own / name)) for name in ("one", "other")]
    (own / "one").rename(own / "live")
    threading.Thread(target=_swap, args=(own,), daemon=True).start()

    def case(number: int) -> str:
        try:
            bundle = LoadedModel.open(own / "live")
        except BadArtifact as error:
            check_error(error, own / "live")
            return "refused"
        if content_of(bundle) not in known:
            raise Wrong("a mixture of two models")
        ask_everything(bundle)
        return "one of both"

    return case


def _swap(own: Path) -> None:
    """Renames one and the other to the place in turn, for as long as the process lives."""
    rng = np.random.default_rng(0)
    while True:
        (own / "live").rename(own / "aside")
        (own / "other").rename(own / "live")
        (own / "aside").rename(own / "other")
        time.sleep(rng.uniform(0, MOST_BETWEEN))


def _model(prefix: str) -> BaselineModel:
    """A model whose ids all begin with a prefix, and whose numbers are drawn by it."""
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
    with scratch() as folder:
        printed("folders swapped while read", run(racer, (folder,), given.cases, given.workers))


if __name__ == "__main__":
    main()
