"""Every trainer by its name on the command line. A new one is one file and one line here."""

from cofactor.trainers.als import ALS
from cofactor.trainers.base import Trainer
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.ials import IALS
from cofactor.trainers.popularity import Popularity
from cofactor.trainers.svd import SVD

TRAINERS: dict[str, type[Trainer]] = {one.name: one for one in (Popularity, Baseline, SVD, ALS, IALS)}
