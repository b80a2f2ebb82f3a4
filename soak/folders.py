"""Damage saved models of every kind in many ways, and open them.

    python -m soak.folders [--cases 60000] [--seed 0] [--workers 2] [--only NUMBER]

Half of the cases keep the digests, which must reveal the damage. In the other half the digests are corrected, as
anybody with write access to a folder can do. A folder must either be refused with a BadArtifact of one line and a hint,
or load as a model that answers every query. Everything else is a fault: another exception, a number that JSON cannot
represent, a hang, a crash, or more than 200 MB of memory. `--only` repeats one case and shows the damage.
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
from soak.damage import Files, damage_folder
from soak.digests import sign_again
from soak.model_queries import WrongAnswer, query_everything
from soak.odd_files import SampleFolder
from soak.parquet_tables import read_bombs, write_bombs
from soak.result_table import print_result
from soak.sample_models import Folder, samples
from soak.workers import Case, run, run_case

LONGEST_MESSAGE = 600
SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Damaged:
    """One case: the name of the sample, the damage, and whether the digests were corrected."""

    sample: str
    what: str
    files: Files
    digests_corrected: bool


def make_case(seed: int, number: int, known: Mapping[str, Folder], bombs: Mapping[str, bytes]) -> Damaged:
    """Makes the case with a given number."""
    rng = np.random.default_rng([seed, number])
    sample = sorted(known)[int(rng.integers(len(known)))]
    files: Files = dict(known[sample])
    what = damage_folder(files, rng, bombs)
    digests_corrected = bool(rng.random() < 0.5)
    if digests_corrected:
        files = sign_again(files, known[sample], arrays=bool(rng.random() < 0.95))
    return Damaged(sample, what, files, digests_corrected)


def opening_case(seed: int, scratch: str) -> Case:
    """Returns a case that writes a damaged folder below `scratch` and opens it."""
    warnings.simplefilter("ignore")  # about overflow; the answers are checked instead
    own = Path(tempfile.mkdtemp(dir=scratch))
    known, bombs, place = samples(own), read_bombs(Path(scratch)), SampleFolder(own / "model")
    originals = {name: model_content(LoadedModel.open(own / name)) for name in known}

    def case(number: int) -> str:
        one = make_case(seed, number, known, bombs)
        place.write(one.files)
        try:
            bundle = LoadedModel(*load_with_manifest(place.folder))  # LoadedModel.open tries several times
        except BadArtifact as error:
            check_error(error, place.folder)
            return "refused with corrected digests" if one.digests_corrected else "refused"
        if not one.digests_corrected and model_content(bundle) != originals[one.sample]:
            raise WrongAnswer(f"undetected damage: {one.what}")
        query_everything(bundle)
        return "valid with corrected digests" if one.digests_corrected else "unchanged"

    return case


def check_error(error: BadArtifact, folder: Path) -> None:
    """Raises WrongAnswer unless an error is one short line that names the culprit, with a hint."""
    message = error.message.replace(str(folder), "")
    if not message.isprintable() or not error.hint.isprintable() or len(message) + len(error.hint) > LONGEST_MESSAGE:
        raise WrongAnswer(f"not one line: {error.message[:200]!r} hint {error.hint[:200]!r}")
    if not error.hint or message == error.message:
        raise WrongAnswer(f"no culprit or no hint: {error.message[:200]!r} hint {error.hint[:100]!r}")


def model_content(bundle: LoadedModel) -> list[Any]:
    """Everything that a model contains, for comparison."""
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
    parser.add_argument("--only", type=int, help="Repeat the case with this number.")
    given = parser.parse_args()
    with temporary_folder() as folder:
        write_bombs(Path(folder))
        if given.only is None:
            print_result("folders", run(opening_case, (given.seed, folder), given.cases, given.workers))
        else:
            _again(given.seed, given.only, folder)


def _again(seed: int, number: int, folder: str) -> None:
    one = make_case(seed, number, samples(Path(tempfile.mkdtemp(dir=folder))), read_bombs(Path(folder)))
    print(f"{one.sample}, {one.what}, {'digests corrected' if one.digests_corrected else 'digests kept'}")
    outcome, fault = run_case(opening_case(seed, folder), number)
    print(f"{fault.what}\n{fault.detail}" if fault else outcome)


@contextmanager
def temporary_folder() -> Iterator[str]:
    """A temporary folder, in memory if the machine has a file system in memory."""
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None) as folder:
        yield folder


if __name__ == "__main__":
    main()
