"""The name of a run: when it began, and which of its hyperparameters are not the defaults."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cofactor.training.epoch import TrainerProtocol

MAX_LETTERS = 100  # of the hyperparameters in a name


def new_run_name(trainer: TrainerProtocol) -> str:
    """The name of a run that begins now."""
    defaults = {p.name: p.default for p in trainer.hyperparameters()}
    return run_name(datetime.now(), {name: x for name, x in trainer.settings().items() if x != defaults[name]})


def run_name(began: datetime, changed: Mapping[str, Any]) -> str:
    """The time to the millisecond and the changed hyperparameters, as "20260131-235959.123,rank=64,l2=0.05".

    The alphabetical order of names is the order in which the runs began.
    """
    settings = "".join(f",{name}={value}" for name, value in changed.items())
    when = began.strftime("%Y%m%d-%H%M%S.%f")[:-3]
    return when + re.sub(r"[^\w.,=+-]", "-", settings)[:MAX_LETTERS]
