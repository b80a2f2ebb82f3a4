"""The models that are served, by name, and their replacement while requests go on. Independent of HTTP."""

import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from cofactor.errors import BadArtifact, CofactorError, Unavailable, UnknownId
from cofactor.feedback.catalogue import record_catalogue
from cofactor.feedback.open_store import open_store
from cofactor.feedback.store import RatingStore
from cofactor.saved.model_folder import load_manifest
from cofactor.serving.folder_watcher import FolderWatcher
from cofactor.serving.item_table import JsonObject
from cofactor.serving.lists.filters import OperatorRules
from cofactor.serving.loaded_model import LoadedModel
from cofactor.serving.server_config import ServerConfig
from cofactor.serving.service import RecommendationService
from cofactor.serving.telemetry.instrumented_store import InstrumentedStore
from cofactor.serving.warm_up import warm

DEFAULT_NAME = "model"  # of a model that was given without one
LOAD_WAIT = 10.0  # seconds that a reload waits for another one to end
SWAPPED, UNCHANGED, REFUSED = "swapped", "unchanged", "refused"  # the results of a reload

log = logging.getLogger("cofactor.serving")


class BadCandidate(BadArtifact):
    """The model in a folder cannot replace the one that is served; neither the service nor the request is at fault."""

    status = 409


class LoadingStopped(Unavailable):
    """A model was not loaded because the service is stopping."""


class Observer(Protocol):
    """Receives the events of a registry, from any thread."""

    def reloaded(self, name: str, result: str) -> None: ...
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
        self.failures: dict[str, str] = {}  # by name: why the model in its folder is not served
        self._watcher = FolderWatcher(self.folders)
        self._stopping = threading.Event()
        self._store, self._rules = store, rules or OperatorRules()
        self._on_reload: list[Callable[[str, str], None]] = []
        self._on_requested_reload: list[Callable[[str], None]] = []
        self._live: Mapping[str, RecommendationService] = {
            name: self._new_service(one, name) for name, one in named.items()
        }
        self._loading = threading.RLock()  # held while a model is loaded and warmed up: one at a time
        self._checking = threading.Lock()  # held while the folders are checked
        self._changing = threading.Lock()  # held while the mapping is replaced; requests only read it

    @classmethod
    def open(cls, config: ServerConfig) -> "ModelRegistry":
        """The models and the store of a configuration, not yet warmed up; raises BadArtifact or Unavailable."""
        folders = dict(config.models)
        models = {name: LoadedModel.open(folder) for name, folder in folders.items()}
        store = open_store(config.store) if config.store else None
        if store is not None:
            _record_catalogue(store, models)
        rules = OperatorRules(allow=config.allow, deny=config.deny, new_items=config.new_items)
        return cls(models, store, rules, folders)

    # Events

    def observe(self, observer: Observer) -> None:
        """Reports reloads and operations of the store to an observer; to be called before the first request."""
        self.on_reload(observer.reloaded)
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
        with self._one_at_a_time():
            service = warm(self._new_service(model, name or self.default))
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
        """Reloads a model in this process only. Loading and warming up happen in the calling thread.

        Raises Unavailable where another model is being loaded for long, or the service is stopping.
        """
        try:
            return self._reload_and_report(name)
        except BadCandidate as error:
            self._log_refusal(name or self.default, error)
            raise

    def check_folders(self) -> None:
        """Reloads each model whose folder has changed since the last call; to be called at intervals by a thread.

        Without a change it costs a few `stat` calls, and during another call it returns at once. A model that cannot be
        served is tried again only when its folder changes, and is logged once. Raises nothing for such a model.
        """
        if not self._checking.acquire(blocking=False):
            return
        try:
            for name in self._watcher.changed():
                known = self.failures.get(name)
                try:
                    self._reload_and_report(name)
                except BadCandidate as error:
                    if known is None or _without_numbers(known) != _without_numbers(error.message):
                        self._log_refusal(name, error)
                except LoadingStopped:
                    return
        finally:
            self._checking.release()

    def stop_loading(self) -> None:
        """Ends a loading of a model that goes on in another thread, at its next block, and refuses further ones."""
        self._stopping.set()

    def close(self) -> None:
        """Ends loadings and closes the store; the models can still answer from memory."""
        self.ready = False
        self.stop_loading()
        if self._store is not None:
            self._store.close()

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        if not self._loading.acquire(timeout=LOAD_WAIT):
            raise Unavailable("another model is being loaded", "reload this one when that has ended")
        try:
            yield
        finally:
            self._loading.release()

    def _reload_and_report(self, name: str) -> JsonObject:
        with self._one_at_a_time():  # two reloads at a time might leave the older version
            before, name = self.service(name).version, name or self.default
            try:
                self._reload(name)
            except BadCandidate as error:
                self.failures[name] = error.message
                self.report_reload(name, REFUSED)
                raise
            self.failures.pop(name, None)
            now = self.service(name).version
            self.report_reload(name, UNCHANGED if now == before else SWAPPED)
        if now != before:
            log.info("the model %s was replaced: version %s instead of %s", name, now, before)
        return {"model": now, "name": name, "before": before, "changed": now != before}

    def _log_refusal(self, name: str, error: BadCandidate) -> None:
        version, folder = self.service(name).version, self.folders[name]
        log.warning("the model %s in %s stays at version %s: %s", name, folder, version, error.message)

    def _check_stopping(self) -> None:
        if self._stopping.is_set():
            raise LoadingStopped("the service is stopping", "reload the model when it runs again")

    def _reload(self, name: str) -> None:
        if name not in self.folders:
            raise Unavailable(f"the model {name!r} was not loaded from a folder", "start the service with a folder")
        folder = self.folders[name]
        self._check_stopping()
        try:
            if load_manifest(folder) != self.service(name).loaded_model.manifest:
                model = LoadedModel.open(folder, self._check_stopping)
                if self._store is not None:
                    live = {other: one.loaded_model for other, one in self._live.items() if other != name}
                    _record_catalogue(self._store, {**live, name: model})
                self.replace(model, name)
        except LoadingStopped:
            raise
        except CofactorError as error:
            hint = f"the previous version is still served; {_without_folders(error.hint, folder)}"
            raise BadCandidate(_without_folders(error.message, folder), hint) from error
        except Exception as error:  # any failure of the new model during its warm-up
            log.exception("the model in %s failed its warm-up", folder)
            what = f"the model in {folder.name} cannot be served: {type(error).__name__}"
            raise BadCandidate(what, "the previous version is still served; the log has the details") from error

    def _new_service(self, model: LoadedModel, name: str) -> RecommendationService:
        return RecommendationService(model, store=self._store, rules=self._rules, name=name)


def _record_catalogue(store: RatingStore, models: Mapping[str, LoadedModel]) -> None:
    record_catalogue(store, {name: one.model.training_data.titles_by_id() for name, one in models.items()})


def _without_folders(message: str, folder: Path) -> str:
    """A message in which the folder of a model has only its own name: clients learn nothing about the machine."""
    return message.replace(str(folder), folder.name) if len(folder.parts) > 1 else message


def _without_numbers(message: str) -> str:
    """A message without its numbers: sizes differ each time while a file is being copied."""
    return re.sub(r"\d[\d,.]*", "#", message)
