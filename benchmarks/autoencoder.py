"""Autoencoders over users and over items on ML-1M, compared with svd and EASE: rating prediction and ranking.

    python benchmarks/autoencoder.py --data FOLDER [--protocol ml-1m/0] [--only "auto*"] [--choose]

Every fit runs in a process of its own. The hyperparameters were chosen on a held-out tenth of the training ratings of
split 0. The models are trained on all training ratings, and the test ratings are used once. Measurements are added to a
JSON file as they arrive.
"""

from runner import Entry
from runner_command import main

DEEP = {  # predecessor D's network
    "rows": "users", "layers": "256,128,256", "activation": "selu", "presence": 0.5, "dropout": 0.7, "l2": 12.0,
    "learning_rate": 0.0005, "n_epochs": 12,
}  # fmt: skip
MULTINOMIAL = {
    "rows": "users", "loss": "multinomial", "layers": "200", "activation": "tanh", "dropout": 0.5, "l2": 1.0,
    "learning_rate": 0.004, "n_epochs": 36,
}  # fmt: skip
RATINGS = [
    Entry("svd", "svd", {"rank": 128, "n_epochs": 20, "learning_rate": 0.03, "l2": 0.04}),
    Entry("autoencoder, items", "autoencoder", {}),
    Entry("autoencoder, items, presence 0", "autoencoder", {"presence": 0.0}),
    Entry("autoencoder, users", "autoencoder", {"rows": "users", "dropout": 0.4, "presence": 0.5}),
    Entry("autoencoder, users, 256,128,256", "autoencoder", DEEP),
]
LISTS = [
    Entry("ease", "ease", {"l2": 1000.0}),
    Entry("autoencoder, multinomial", "autoencoder", MULTINOMIAL),
]
SEEDS = {f"{protocol}/{seed}": (seed,) for protocol in ("ml-1m", "ml-1m-top-n") for seed in range(3)}

if __name__ == "__main__":
    main(__doc__, {"ml-1m": RATINGS, "ml-1m-top-n": LISTS}, SEEDS, "build/autoencoder.json")
