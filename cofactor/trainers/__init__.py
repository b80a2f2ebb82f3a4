"""Every trainer by its name on the command line. A new one is one file and one line here."""

from cofactor.trainers.als import ALS
from cofactor.trainers.autoencoder import Autoencoder
from cofactor.trainers.base import Trainer
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.bayes import Bayes
from cofactor.trainers.deep import Deep
from cofactor.trainers.ease import EASE
from cofactor.trainers.ensemble import Ensemble
from cofactor.trainers.filter import Filter
from cofactor.trainers.ials import IALS
from cofactor.trainers.knn import KNN
from cofactor.trainers.latent_factor import LatentFactor
from cofactor.trainers.network import Network
from cofactor.trainers.nsvd import NSVD
from cofactor.trainers.popularity import Popularity
from cofactor.trainers.svd import SVD
from cofactor.trainers.svdpp import SVDPP

TRAINERS: dict[str, type[Trainer]] = {
    one.name: one
    for one in (
        *(Popularity, Baseline, SVD, NSVD, SVDPP, ALS, Bayes),
        *(LatentFactor, Deep, Ensemble, Network, Autoencoder),
        *(IALS, EASE, KNN, Filter),
    )
}
