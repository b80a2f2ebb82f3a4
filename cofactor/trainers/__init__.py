"""Every trainer by its name on the command line. A new one is one file and one line here."""

from cofactor.trainers.als import ALS as ALS
from cofactor.trainers.autoencoder import Autoencoder as Autoencoder
from cofactor.trainers.base import Trainer as Trainer
from cofactor.trainers.baseline import Baseline as Baseline
from cofactor.trainers.bayes import Bayes as Bayes
from cofactor.trainers.deep import Deep as Deep
from cofactor.trainers.ease import EASE as EASE
from cofactor.trainers.ensemble import Ensemble as Ensemble
from cofactor.trainers.filter import Filter as Filter
from cofactor.trainers.ials import IALS as IALS
from cofactor.trainers.knn import KNN as KNN
from cofactor.trainers.latent_factor import LatentFactor as LatentFactor
from cofactor.trainers.network import Network as Network
from cofactor.trainers.nsvd import NSVD as NSVD
from cofactor.trainers.popularity import Popularity as Popularity
from cofactor.trainers.svd import SVD as SVD
from cofactor.trainers.svdpp import SVDPP as SVDPP

#: All trainers by their names on the command line.
TRAINERS: dict[str, type[Trainer]] = {
    one.name: one
    for one in (
        *(Popularity, Baseline, SVD, NSVD, SVDPP, ALS, Bayes),
        *(LatentFactor, Deep, Ensemble, Network, Autoencoder),
        *(IALS, EASE, KNN, Filter),
    )
}

__all__ = ["TRAINERS", "Trainer", *(one.__name__ for one in TRAINERS.values())]
