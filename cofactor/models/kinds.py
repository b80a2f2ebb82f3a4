"""Every kind of model, by its name in a saved model. A new kind is one file and one line here."""

from cofactor.models.autoencoder import AutoencoderModel
from cofactor.models.base import Model
from cofactor.models.baseline import BaselineModel
from cofactor.models.factor import FactorModel
from cofactor.models.filter import FilterModel
from cofactor.models.implicit import ImplicitModel
from cofactor.models.network import NetworkModel
from cofactor.models.pooled import PooledFactorModel, PooledModel
from cofactor.models.posterior import PosteriorModel
from cofactor.models.similarity import NeighbourModel, SimilarityModel

KINDS: dict[str, type[Model]] = {
    one.kind: one
    for one in (
        BaselineModel,
        FactorModel,
        PooledFactorModel,
        PooledModel,
        PosteriorModel,
        ImplicitModel,
        SimilarityModel,
        NeighbourModel,
        FilterModel,
        NetworkModel,
        AutoencoderModel,
    )
}
