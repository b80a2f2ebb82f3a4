"""Autoencoders of users or of items: ratings in, through hidden layers, all ratings out."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, BadHyperparameter
from cofactor.machine import cores
from cofactor.trainers.autoencoding.masked_product import DenseProducts, Kernels, Products
from cofactor.trainers.autoencoding.training_run import Course
from cofactor.trainers.base import Trainer
from cofactor.training.epoch import Epoch, Snapshot, WarmStart
from cofactor.training.hyperparameter import Bounds, Choices, SearchRange
from cofactor.training.torch_device import training_device

WORTH_A_THREAD = 2_000_000  # ratings × width from which a second thread gains more than it costs


@dataclass(frozen=True)
class Autoencoder(Trainer):
    """r̂ = μ + b_u + b_i + f(x), f: a network that maps a row of the table of ratings to a row, the minimum of

        Σ (r_ui - r̂_ui)² + λ Σ_c √n_c (|w_c|² + |v_c|²)      the first sum over the training ratings alone

    by steps on batches of rows, with dropped inputs while it learns and all of them when it predicts.

    A row is a user's ratings of all items (`--rows users`) or an item's by all users (`--rows items`); x: in its rated
    cells a + r_ui - μ - b_u - b_i, elsewhere 0, so that a, the `presence`, says that they are rated; c: a column, rated
    n_c times, w_c and v_c its weights in the first and the last layer; μ + b_u + b_i: the regularised baseline (see
    Baseline). Ratings are learned in units of a quarter of their scale, as `svd` does. The input is multiplied by the
    first layer, and the codes by the last, at the rated cells alone; no table of users × items is ever made.

    `--loss multinomial` ranks instead of predicting: rows are users, x_ui = |R(u)|^-½ whatever the rating, and what is
    made as small as possible is -Σ log π_ui, π_u the softmax of f(x_u) over all items, with the same penalty.
    `--refeed` follows each step with one on f's own dense output, as input and as target (re-feeding).

    Of items it leaves a FactorModel: r̂_ui is the dot product of v_u and the code of the item's row, which is computed
    once, at the end. New users are folded in by ridge regression on the codes. Of users it leaves an AutoencoderModel,
    for which a new user is like any other.
    Cold start: a user or an item without training ratings has a bias and an output of 0, which leaves the baseline.
    Source: S. Sedhain, A. Menon, S. Sanner, L. Xie, "AutoRec: Autoencoders Meet Collaborative Filtering", WWW 2015,
    equations 1 and 2 (there without √n_c, on ratings that are not centred, so without a); O. Kuchaiev, B. Ginsburg,
    "Training Deep AutoEncoders for Collaborative Filtering", 2017, equation 1 and section 2.3; D. Liang, R. Krishnan,
    M. Hoffman, T. Jebara, "Variational Autoencoders for Collaborative Filtering", WWW 2018, section 2.3 (Mult-DAE).

    Raises BadData for no ratings, Unavailable without PyTorch, and BadHyperparameter where the errors overflow.
    """

    name: ClassVar[str] = "autoencoder"

    rows: Annotated[Literal["items", "users"], "what a row of the table is"] = "items"
    loss: Annotated[Literal["squared", "multinomial"], "to predict ratings, or to rank"] = "squared"
    layers: Annotated[str, "widths of the hidden layers, as 256,128,256", Choices(("64", "128", "256", "512"))] = "256"
    activation: Annotated[Literal["sigmoid", "tanh", "selu", "relu", "linear"], "of the hidden layers"] = "sigmoid"
    tied: Annotated[bool, "give the second half of the layers the weights of the first"] = False
    dropout: Annotated[float, "share of inputs dropped in training", Bounds(low=0, high=0.95), SearchRange(0, 0.8)] = (
        0.0
    )
    l2: Annotated[
        float, "λ, pull of the first and last layers towards zero", Bounds(low=0), SearchRange(0.5, 20, log=True)
    ] = 4.0
    presence: Annotated[float, "what a rated cell of the input has on top of its centred rating", SearchRange(0, 2)] = (
        1.0
    )
    refeed: Annotated[bool, "feed the dense output back as input and target"] = False
    optimiser: Annotated[Literal["adam", "rmsprop", "momentum", "sgd"], "what makes the steps"] = "adam"
    learning_rate: Annotated[float, "of the first step", Bounds(low=0), SearchRange(2e-4, 1e-2, log=True)] = 0.002
    schedule: Annotated[Literal["linear", "constant"], "whether the learning rate falls to 0"] = "linear"
    batch_size: Annotated[
        int, "rows of a batch at most; an epoch has 16 at least", Bounds(low=1), SearchRange(64, 1024, log=True)
    ] = 256
    n_epochs: Annotated[int, "passes over the rows", Bounds(low=1), SearchRange(5, 60, log=True)] = 20
    user_l2: Annotated[
        float, "pull of a user's bias towards zero, in ratings", Bounds(low=0), SearchRange(1, 30, log=True)
    ] = 5.0
    item_l2: Annotated[
        float, "pull of an item's bias towards zero, in ratings", Bounds(low=0), SearchRange(1, 30, log=True)
    ] = 3.0
    seed: Annotated[int, "of the first weights, the order of the rows and what is dropped", Bounds(low=0)] = 0
    threads: Annotated[int, "threads, 0 for one a core; the result is the same", Bounds(low=0)] = 0
    device: Annotated[Literal["cpu", "cuda"], "where to train"] = "cpu"

    def __post_init__(self) -> None:
        super().__post_init__()
        widths = self.layers.split(",")
        if not all(one.strip().isdecimal() and 1 <= int(one) <= 65536 for one in widths):
            message = f"{self.name}: layers is {self.layers[:60]!r}"
            raise BadHyperparameter(message, "it is a list of widths such as 256,128,256")
        if self.tied and self.widths != self.widths[::-1]:
            message = f"{self.name}: tied layers of widths {self.layers} are not their own mirror image"
            raise BadHyperparameter(message, "tie 256,128,256 or a single layer")
        if self.loss == "multinomial" and (self.rows != "users" or self.refeed):
            what = "rows are items" if self.rows != "users" else "outputs are fed back"
            raise BadHyperparameter(f"{self.name}: the loss is multinomial and {what}", "use --rows users, no --refeed")

    @property
    def widths(self) -> tuple[int, ...]:
        """Of the hidden layers."""
        return tuple(int(one) for one in self.layers.split(","))

    def epochs(
        self, ratings: Ratings, *, resume: Snapshot | None = None, warm_start: WarmStart | None = None
    ) -> Iterator[Epoch]:
        if len(ratings) == 0:
            raise BadData("no ratings to train on", "give the split a larger training part")
        with ExitStack() as stack:
            # one thread of PyTorch: how it splits a product of matrices among several may change the last bit
            device = stack.enter_context(training_device(self.name, self.device, 1))
            products: Products = DenseProducts(device)
            if self.device == "cpu":
                n_threads = self.threads or cores()
                worth = len(ratings) * self.widths[0] >= WORTH_A_THREAD and n_threads > 1
                products = Kernels(stack.enter_context(ThreadPoolExecutor(n_threads)) if worth else None)
            course = Course(self, ratings, products, device)
            for number in range(1 + course.start_from(resume, warm_start), self.n_epochs + 1):
                yield course.epoch(number)
