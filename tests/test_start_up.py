"""A worker whose models cannot be opened or warmed up: before the service has started, and while others answer."""

import numpy as np
import pytest

from cofactor.errors import BadArtifact
from cofactor.models.baseline import BaselineModel
from cofactor.serving.model_registry import ModelRegistry
from cofactor.serving.processes.run_folder import RunFolder
from cofactor.serving.processes.start_up import try_until_started
from cofactor.serving.server_config import ServerConfig
from tests.small_service import bundle, ratings


class Unscorable(BaselineModel):
    """Can be loaded, and fails at the first list."""

    def score_rows(self, users):
        raise FloatingPointError("no score")


@pytest.fixture
def run():
    with RunFolder.create(ServerConfig(models=()), 0) as folder:
        yield folder


def warm_up():
    rated = ratings()
    biases = np.zeros(len(rated.users), np.float32), np.zeros(len(rated.items), np.float32)
    ModelRegistry(bundle(Unscorable(rated.training_data, rated.scale, 3.0, *biases, 1.0))).warm_up()


def damaged():
    raise BadArtifact("model.safetensors is damaged", "save the model again")


@pytest.mark.parametrize(
    ("start", "reason", "hint"),
    [
        (warm_up, "a model cannot be served: FloatingPointError: no score", "the log has the details"),
        (damaged, "model.safetensors is damaged", "save the model again"),
    ],
)
def test_a_service_that_cannot_start_says_why(run, start, reason, hint):
    with pytest.raises(SystemExit) as ended:
        try_until_started(start, run)
    assert ended.value.code == 1
    assert run.failure == (reason, hint)


def test_a_worker_that_cannot_start_later_tries_again(run, caplog):
    run.note_start()
    failures = [warm_up, damaged, warm_up]

    def start():
        if failures:
            failures.pop()()
        return "started"

    assert try_until_started(start, run, pause=0.01) == "started"
    assert run.failure is None
    tries = [record.message for record in caplog.records if "tries again" in record.message]
    assert [message.rpartition(" in ")[2] for message in tries] == ["0.01 s", "0.02 s", "0.04 s"]
    assert "model.safetensors is damaged" in tries[1]
