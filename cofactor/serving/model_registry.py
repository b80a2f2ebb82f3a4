"""The models that are served, by name, and their replacement while requests go on. Independent of HTTP."""

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from cofactor.errors import BadArtifact, CofactorError, Unavailable, UnknownId
from cofactor.feedback.open_store import open_store
from cofactor.feedback.store import RatingStore
from cofactor.saved.model_folder import load_manifest
from cofactor.serving.filters import OperatorRules
from cofactor.serving.item_table import JsonObject
from cofactor.serving.loaded_model import LoadedModel
from cofactor.serving.server_config import ServerConfig
from cofactor.serving.service import RecommendationService
from cofactor.serving.telemetry.instrumented_service import InstrumentedService, InstrumentedStore, ListCounter, ignore
from cofactor.serving.warm_up import warm

DEFAULT_NAME = "model"  # of a model that was given without one
SWAPPED, UNCHANGED, REFUSED = "swapped", "unchanged", "refused"  # the results of a reload

log = logging.getLogger("cofactor.serving")


class BadCandidate(BadArtifact):
    """The model in a folder cannot replace the one that is served; neither the service nor the request is at fault."""

    status = 409


class Observer(Protocol):
    """Receives the events of a registry, from any thread."""

    def reloaded(self, name: str, result: str) -> None: ...
    def listed(self, source: str) -> None: ...
    def stored(self, operation: str, seconds: float, events: int, failed: bool) -> None: ...


class ModelRegistry:
    """The served models: a mapping from names to services that is never changed, but replaced as a whole.

    A request reads the mapping once, so that it sees one version of everything even if models are replaced meanwhile.
    """

    def __init__(
        self,
        models: LoadedModel | Mapping[str, LoadedModel],
        store: RatingStore | None = None,
        rules: OperatorRules | None = None,
        folders: Mapping[str, Path] | None = None,
    ) -> None:
        """models: by name, the default one first. folders: where a reload looks for the next version of each model."""
        named = {DEFAULT_NAME: models} if isinstance(models, LoadedModel) else dict(models)
        self.default = next(iter(named))
        self.folders = dict(folders or {})
        self.ready = False
        self._store, self._rules = store, rules or OperatorRules()
        self._on_list: Callable[[str], None] = ignore
        self._on_reload: list[Callable[[str, str], None]] = []
        self._on_requested_reload: list[Callable[[str], None]] = []
        self._live: Mapping[str, RecommendationService] = {
            name: self._new_service(one, name) for name, one in named.items()
        }
        self._changing = threading.RLock()  # held while the mapping is replaced; requests only read it

    @classmethod
    def open(cls, config: ServerConfig) -> "ModelRegistry":
        """The models and the store of a configuration, not yet warmed up; raises BadArtifact or Unavailable."""
        folders = dict(config.models)
        models = {name: LoadedModel.open(folder) for name, folder in folders.items()}
        store = open_store(config.store) if config.store else None
        rules = OperatorRules(allow=config.allow, deny=config.deny, new_items=config.new_items)
        return cls(models, store, rules, folders)

    # Events

    def observe(self, observer: Observer) -> None:
        """Reports reloads, lists and operations of the store to an observer; to be called before the first request."""
        self.on_reload(observer.reloaded)
        self._on_list = observer.listed
        if self._store is not None:
            self._store = InstrumentedStore(self._store, observer.stored)
        self._live = {name: self._new_service(one.loaded_model, name) for name, one in self._live.items()}

    def on_reload(self, callback: Callable[[str, str], None]) -> Callable[[], None]:
        """Calls back with the name of a model and the result of each reload; returns a function that ends this."""
        self._on_reload.append(callback)
        return lambda: self._on_reload.remove(callback)

    def on_requested_reload(self, callback: Callable[[str], None]) -> None:
        """Calls back with the name of a model after a reload by request, so that other processes can follow."""
        self._on_requested_reload.append(callback)

    def report_reload(self, name: str, result: str) -> None:
        for callback in tuple(self._on_reload):
            callback(name, result)

    # Queries

    def service(self, name: str = "") -> RecommendationService:
        """The service of a model, for the length of one request; raises UnknownId for an unknown name."""
        live = self._live
        try:
            return live[name or self.default]
        except KeyError:
            raise UnknownId(f"no model is called {name!r}", f"the models are {', '.join(live)}") from None

    def models(self) -> JsonObject:
        """Every model with its name and version, the default one first."""
        live = self._live
        listed = [
            {
                "name": name,
                "model": one.version,
                "trainer": str(one.loaded_model.manifest.get("trainer", "")),
                "default": name == self.default,
            }
            for name, one in live.items()
        ]
        return {"model": live[self.default].version, "models": listed}

    def versions(self) -> dict[str, str]:
        """The version of each model by name."""
        return {name: one.version for name, one in self._live.items()}

    # Changes

    def warm_up(self) -> None:
        """Sends one request of each costly kind to each model, so that no user waits for page faults or an index."""
        for name, service in self._live.items():
            self.replace(service.loaded_model, name)
        self.ready = True

    def replace(self, model: LoadedModel, name: str = "") -> None:
        """Warms up a model and serves it from now on; the former one stays if the new one fails."""
        with self._changing:
            service = warm(self._new_service(model, name or self.default))
            service.lists.open = True
            self.put(service, name)

    def put(self, service: RecommendationService, name: str = "") -> None:
        """Serves with this service from now on, without warming it up."""
        with self._changing:
            self._live = {**self._live, (name or self.default): service}

    def reload(self, name: str = "") -> JsonObject:
        """Reloads a model from its folder, here and then in every other process that serves it.

        Raises UnknownId, or BadCandidate if the model in the folder cannot be served; then the former one stays.
        """
        done = self.reload_here(name)
        for callback in self._on_requested_reload:
            callback(done["name"])
        return done

    def reload_here(self, name: str = "") -> JsonObject:
        """Reloads a model in this process only. Loading and warming up happen in the calling thread."""
        with self._changing:  # two reloads at a time might leave the older version
            before, name = self.service(name).version, name or self.default
            try:
                self._reload(name)
            except BadCandidate as error:
                self.report_reload(name, REFUSED)
                log.warning("the model %s stays at version %s: %s", name, before, error.message)
                raise
            now = self.service(name).version
            self.report_reload(name, UNCHANGED if now == before else SWAPPED)
        if now != before:
            log.info("the model %s was replaced: version %s instead of %s", name, now, before)
        return {"model": now, "name": name, "before": before, "changed": now != before}

    def close(self) -> None:
        """Closes the store; the models can still answer from memory."""
        self.ready = False
        if self._store is not None:
            self._store.close()

    def _reload(self, name: str) -> None:
        if name not in self.folders:
            raise Unavailable(f"the model {name!r} was not loaded from a folder", "start the service with a folder")
        folder = self.folders[name]
        try:
            if load_manifest(folder) != self.service(name).loaded_model.manifest:
                self.replace(LoadedModel.open(folder), name)
        except CofactorError as error:
            raise BadCandidate(error.message, f"the previous version is still served; {error.hint}") from error
        except Exception as error:  # any failure of the new model during its warm-up
            log.exception("the model in %s failed its warm-up", folder)
            what = f"the model in {folder} cannot be served: {type(error).__name__}"
            raise BadCandidate(what, "the previous version is still served; the log has the details") from error

    def _new_service(self, model: LoadedModel, name: str) -> InstrumentedService:
        return InstrumentedService(
            model, store=self._store, rules=self._rules, name=name, lists=ListCounter(self._on_list)
        )
