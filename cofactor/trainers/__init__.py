"""Every trainer by its name on the command line. A new one is one file and one line here."""

from cofactor.trainers.base import Trainer
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.ease import EASE
from cofactor.trainers.filter import Filter
from cofactor.trainers.knn import KNN
from cofactor.trainers.popularity import Popularity
from cofactor.trainers.svd import SVD

TRAINERS: dict[str, type[Trainer]] = {one.name: one for one in (Popularity, Baseline, SVD, EASE, KNN, Filter)}
