"""Published results of other systems on the protocols, and results of other libraries measured by us."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class PublishedResult:
    """The metrics of another system on a protocol."""

    system: str  # with its main settings
    figures: Mapping[str, float]  # metrics by name
    source: str  # the publication; for a measured result, the library and its version
    how: Literal["published", "measured here"] = "published"
    cpu_seconds: float | None = None  # of the fit, on the machine of the benchmarks


Metrics = tuple[str, ...]
RATINGS = ("rmse", "mae")
LISTS = ("ndcg@10", "recall@20", "precision@10")
LONGER_LISTS = ("recall@20", "ndcg@20")
SAMPLED = ("sampled_hit_rate@10", "sampled_ndcg@10")


def _measured(
    metrics: Metrics, system: str, source: str, cpu_seconds: float | None, *figures: float
) -> PublishedResult:
    return PublishedResult(system, dict(zip(metrics, figures, strict=False)), source, "measured here", cpu_seconds)


def _published(metrics: Metrics, system: str, source: str, *figures: float) -> PublishedResult:
    return PublishedResult(system, dict(zip(metrics, figures, strict=False)), source)


_MYFM = "T. Ohtsuki, myFM"
_GLOCAL_K = "S. C. Han et al. 2021, GLocal-K"
_BARS = "J. Zhu et al. 2022, BARS: Towards Open Benchmarking for Recommender Systems"
_NCF_AGAIN = "S. Rendle et al. 2020, Neural Collaborative Filtering vs. Matrix Factorization Revisited"

ML_100K_U1 = (
    _measured(RATINGS, "myFM flip, rank 10, day of rating, 512 sweeps", "myFM 0.4.0", 26, 0.8853, 0.695),
    _measured(RATINGS, "myFM flip, rank 10, features, 200 sweeps", "myFM 0.4.0", 10.6, 0.8860, 0.695),
    _measured(RATINGS, "myFM flip, rank 10, 512 sweeps", "myFM 0.4.0", 24, 0.8897, 0.698),
    _measured(RATINGS, "myFM flip, rank 10, 100 sweeps", "myFM 0.4.0", 4.7, 0.8908, 0.700),
    _measured(RATINGS, "myFM plain, rank 10, 200 sweeps", "myFM 0.4.0", 5.4, 0.9072, 0.713),
    _measured(RATINGS, "MF, rank 100, 60 epochs", "Cornac 3.0.1", 0.34, 0.9182, 0.724),
    _measured(RATINGS, "LIBMF, rank 64, 20 epochs", "LIBMF 0.9.2", 0.15, 0.9214, 0.728),
    _measured(RATINGS, "SVD, 60 epochs, λ 0.1", "Surprise 1.1.5", 1.1, 0.9253, 0.732),
    _measured(RATINGS, "SVD++", "Surprise 1.1.5", 8.3, 0.9330, 0.733),
    _measured(RATINGS, "kNN of items, baseline", "Surprise 1.1.5", 0.6, 0.9359, 0.734),
    _measured(RATINGS, "BaselineOnly", "Surprise 1.1.5", 0.07, 0.9599, 0.762),
    _published(RATINGS, "myFM flip, day and features", _MYFM, 0.8833, 0.694),
    _published(RATINGS, "myFM flip, day and features, ordered probit", _MYFM, 0.8808),
    _published(RATINGS, "GLocal-K, its epoch chosen on the test part", _GLOCAL_K, 0.8889, 0.695),
)
ML_100K_FOLDS = (
    _measured(RATINGS, "myFM flip, rank 10, 200 sweeps", "myFM 0.4.0", None, 0.8829),
    _measured(RATINGS, "myFM plain", "myFM 0.4.0", None, 0.8975),
    _measured(RATINGS, "LIBMF", "LIBMF 0.9.2", None, 0.9133),
    _measured(RATINGS, "SVD, tuned", "Surprise 1.1.5", None, 0.9138),
    _measured(RATINGS, "SVD++", "Surprise 1.1.5", None, 0.9218),
)
ML_1M_90_10 = (
    _measured(RATINGS, "myFM flip, rank 32, 200 sweeps, seed 0 alone", "myFM 0.4.0", 402, 0.8207, 0.641),
    _measured(RATINGS, "LIBMF, rank 128, 80 epochs", "LIBMF 0.9.2", 7.1, 0.8374, 0.660),
    _measured(RATINGS, "LIBMF, rank 128, 20 epochs", "LIBMF 0.9.2", 1.8, 0.8388, 0.661),
    _measured(RATINGS, "MF, rank 50", "Cornac 3.0.1", 2.4, 0.8411, 0.660),
    _measured(RATINGS, "myFM plain, rank 32, 50 sweeps", "myFM 0.4.0", 56, 0.8447, 0.665),
    _measured(RATINGS, "SVD, tuned", "Surprise 1.1.5", 55, 0.8469, 0.666),
    _measured(RATINGS, "kNN of items, baseline", "Surprise 1.1.5", 22, 0.8539, 0.669),
    _measured(RATINGS, "SVD++", "Surprise 1.1.5", 226, 0.8574, 0.668),
    _measured(RATINGS, "BiasedMF", "LensKit 2025.8.1", 1.8, 0.8640, 0.673),
    _measured(RATINGS, "BaselineOnly", "Surprise 1.1.5", 3.5, 0.9086, 0.719),
    _published(RATINGS, "myFM flip, time, rank 32; another 90/10", _MYFM, 0.8161),
    _published(RATINGS, "GLocal-K; another 90/10, its epoch chosen on the test part", _GLOCAL_K, 0.8227),
    _published(RATINGS, "SparseFC; another 90/10", "L. Muller et al. 2018, Kernelized Synaptic Weight Matrices", 0.824),
    _published(RATINGS, "I-AutoRec; another 90/10", "S. Sedhain et al. 2015, AutoRec", 0.831),
)
ML_1M_TOP_N = (
    _measured(LISTS, "ALS, 256 factors, 15 iterations", "implicit 0.7.3", 10.6, 0.4237, 0.2788, 0.3755),
    _measured(LISTS, "ALS, 128 factors, 15 iterations", "implicit 0.7.3", 4.7, 0.4218, 0.2768, 0.3746),
    _measured(LISTS, "ALS, 64 factors, 15 iterations", "implicit 0.7.3", 3.5, 0.4162, 0.2725, 0.3699),
    _measured(LISTS, "iALS, 64 factors", "LensKit 2025.8.1", 8.3, 0.4130, 0.2731, 0.3673),
    _measured(LISTS, "WARP, 64 factors", "lightfm-next 1.19", 42, 0.3699, 0.2327, 0.3323),
    _measured(LISTS, "BPR, 64 factors, untuned", "Cornac 3.0.1", 33, 0.3648, 0.2315, 0.3288),
)
GOWALLA = (
    _published(LONGER_LISTS, "BSPM-EM", "J. Choi et al. 2023, Blurring-Sharpening Process Models", 0.1920, 0.1597),
    _published(LONGER_LISTS, "SimpleX", "K. Mao et al. 2021, SimpleX", 0.1872, 0.1557),
    _published(LONGER_LISTS, "UltraGCN", "K. Mao et al. 2021, UltraGCN", 0.1862, 0.1580),
    _published(LONGER_LISTS, "GF-CF", "Y. Shen et al. 2021, How Powerful is Graph Convolution?", 0.1849, 0.1518),
    _published(LONGER_LISTS, "LightGCN", "X. He et al. 2020, LightGCN", 0.1830, 0.1554),
    _published(LONGER_LISTS, "EASE", _BARS, 0.1765, 0.1467),
    _published(LONGER_LISTS, "MF-BPR", _BARS, 0.1627, 0.1378),
    _measured(LONGER_LISTS, "ALS, 256 factors, 15 iterations", "implicit 0.7.3", 23, 0.1697, 0.1395),
    _measured(LONGER_LISTS, "ALS, 128 factors, 15 iterations", "implicit 0.7.3", 11, 0.1629, 0.1365),
    _measured(LONGER_LISTS, "ALS, 64 factors, 15 iterations", "implicit 0.7.3", 7.5, 0.1492, 0.1275),
)
NCF = (
    _published(SAMPLED, "MF with a dot product, d = 192", _NCF_AGAIN, 0.7294, 0.4523),
    _published(SAMPLED, "NeuMF", _NCF_AGAIN, 0.7093, 0.4349),
    _measured(SAMPLED, "ALS, 192 factors", "implicit 0.7.3", None, 0.7257, 0.4505),
)
