"""Saved models of every kind, damaged in every way we could think of, and opened.

    python -m soak.folders [--cases 60000] [--seed 0] [--workers 2] [--only NUMBER]

Half of the cases keep the digests, which must then find the damage; the other half are signed again, as anybody can who
may write to a folder. Either a folder is refused with an error of ours, of one line and with a hint, or it is a model
that answers every question. All else is a fault: another exception, a number that JSON cannot hold, a hang, a crash,
more than 200 MB of memory. `--only` does one case again and shows what it was.
"""

import argparse
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cofactor.errors import BadArtifact
from cofactor.saved.model_folder import load_with_manifest
from cofactor.serving.loaded_model import LoadedModel
from soak.crew import Case, done, run
from soak.damage import Files, damaged
from soak.places import Place
from soak.questions import Wrong, ask_everything
from soak.samples import Folder, samples
from soak.signing import signed
from soak.table import printed
from soak.tables import read_bombs, write_bombs

LONGEST_MESSAGE = 600
SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Damaged:
    """One case: which sample, what was done to it, and whether its digests were made right again."""

    sample: str
    what: str
    files: Files
    resigned: bool


def made(seed: int, number: int, known: Mapping[str, Folder], bombs: Mapping[str, bytes]) -> Damaged:
    """The case of a number."""
    rng = np.random.default_rng([seed, number])
    sample = sorted(known)[int(rng.integers(len(known)))]
    files: Files = dict(known[sample])
    what = damaged(files, rng, bombs)
    resigned = bool(rng.random() < 0.5)
    if resigned:
        files = signed(files, known[sample], arrays=bool(rng.random() < 0.95))
    return Damaged(sample, what, files, resigned)


def opener(seed: int, scratch: str) -> Case:
    """Opens the folders of a seed one by one, in a folder of its own below `scratch`."""
    warnings.simplefilter("ignore")  # of overflow: what counts is the answer
    own = Path(tempfile.mkdtemp(dir=scratch))
    known, bombs, place = samples(own), read_bombs(Path(scratch)), Place(own / "model")
    originals = {name: content_of(LoadedModel.open(own / name)) for name in known}

    def case(number: int) -> str:
        one = made(seed, number, known, bombs)
        place.put(one.files)
        try:
            bundle = LoadedModel(*load_with_manifest(place.folder))  # Bundle.open tries several times
        except BadArtifact as error:
            check_error(error, place.folder)
            return "refused, signed" if one.resigned else "refused"
        if not one.resigned and content_of(bundle) != originals[one.sample]:
            raise Wrong(f"a damage went unnoticed: {one.what}")
        ask_everything(bundle)
        return "valid, signed" if one.resigned else "unchanged"

    return case


def check_error(error: BadArtifact, folder: Path) -> None:
    """Raises Wrong where an error is not one line of bounded length that names the place, and a hint."""
    message = error.message.replace(str(folder), "")
    if not message.isprintable() or not error.hint.isprintable() or len(message) + len(error.hint) > LONGEST_MESSAGE:
        raise Wrong(f"not a line: {error.message[:200]!r} hint {error.hint[:200]!r}")
    if not error.hint or message == error.message:
        raise Wrong(f"no culprit or no hint: {error.message[:200]!r} hint {error.hint[:100]!r}")


def content_of(bundle: LoadedModel) -> list[Any]:
    """All that a model holds, to compare."""
    model, training_data = bundle.model, bundle.model.training_data
    arrays = {name: (array.shape, array.tobytes()) for name, array in model.arrays().items()}
    history = [getattr(training_data.interactions, part).tobytes() for part in ("indptr", "indices", "data")]
    texts = [None if one is None else one.tolist() for one in (training_data.titles, training_data.genres)]
    facts = [model.kind, model.scale, training_data.scale, training_data.step, training_data.split, bundle.version]
    return [arrays, history, training_data.users.ids.tolist(), training_data.items.ids.tolist(), texts, facts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", type=int, help="do the case of this number again")
    given = parser.parse_args()
    with scratch() as folder:
        write_bombs(Path(folder))
        if given.only is None:
            printed("folders", run(opener, (given.seed, folder), given.cases, given.workers))
        else:
            _again(given.seed, given.only, folder)


def _again(seed: int, number: int, folder: str) -> None:
    one = made(seed, number, samples(Path(tempfile.mkdtemp(dir=folder))), read_bombs(Path(folder)))
    print(f"{one.sample}, {one.what}, {'signed again' if one.resigned else 'digests left'}")
    outcome, fault = done(opener(seed, folder), number)
    print(f"{fault.what}\n{fault.detail}" if fault else outcome)


@contextmanager
def scratch() -> Iterator[str]:
    """A folder that is gone afterwards, in memory where there is such a place."""
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None) as folder:
        yield folder


if __name__ == "__main__":
    main()
