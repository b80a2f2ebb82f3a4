"""Which bundles are live, by name, and how others take their places. Knows nothing of HTTP."""

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from cofactor.errors import BadArtifact, CofactorError, Unavailable, UnknownId
from cofactor.feedback.store import Store, open_store
from cofactor.saved.model_folder import load_manifest
from cofactor.serving.loaded_model import Bundle
from cofactor.serving.service import Answer, Answers, Pace, Terms
from cofactor.serving.settings import Settings
from cofactor.serving.telemetry.instrumented_service import Ear, ObservedAnswers, ObservedStore, to_nobody
from cofactor.serving.warm_up import warm

ONLY = "model"  # what a bundle is called that was given without a name
SWAPPED, UNCHANGED, REFUSED = "swapped", "unchanged", "refused"  # what became of a reload

log = logging.getLogger("cofactor.serving")


class BadCandidate(BadArtifact):
    """What lies in a folder cannot take the live model's place; neither the service nor the request is at fault."""

    status = 409


class Observer(Protocol):
    """Who wants to know what goes on. May be called from any thread."""

    def reloaded(self, name: str, result: str) -> None: ...
    def listed(self, source: str) -> None: ...
    def stored(self, asked: str, seconds: float, words: int, failed: bool) -> None: ...


class Service:
    """The one reference to what is live: a mapping from names to answers, never changed and replaced as a whole.

    A request reads it once, so that it sees one version of everything whatever is put in its place meanwhile.
    """

    def __init__(
        self,
        bundles: Bundle | Mapping[str, Bundle],
        store: Store | None = None,
        terms: Terms | None = None,
        folders: Mapping[str, Path] | None = None,
    ) -> None:
        """`bundles` by name, the default first; `folders` are where a reload looks for what is to replace them."""
        named = {ONLY: bundles} if isinstance(bundles, Bundle) else dict(bundles)
        self.default = next(iter(named))
        self.folders = dict(folders or {})
        self.ready = False
        self.reported: Callable[[str, str], None] = to_nobody  # name and result of each reload
        self.told: Callable[[str], None] = to_nobody  # after a swap by request: other processes are to follow
        self._store, self._terms = store, terms or Terms()
        self._listed: Callable[[str], None] = to_nobody
        self._live: Mapping[str, Answers] = {name: self._answers_of(one, name) for name, one in named.items()}
        self._changing = threading.RLock()  # held by whoever changes what is live; requests only read

    @classmethod
    def open(cls, settings: Settings) -> "Service":
        """The models and the store of the settings, not yet warm; raises BadArtifact, Unavailable."""
        folders = dict(settings.models)
        bundles = {name: Bundle.open(folder) for name, folder in folders.items()}
        store = open_store(settings.store) if settings.store else None
        terms = Terms(allow=settings.allow, deny=settings.deny, new_items=settings.new_items)
        return cls(bundles, store, terms, folders)

    def observe(self, observer: Observer) -> None:
        """Tells somebody what goes on from now on; to be called before the first request."""
        self.reported, self._listed = observer.reloaded, observer.listed
        if self._store is not None:
            self._store = ObservedStore(self._store, observer.stored)
        self._live = {name: self._answers_of(one.bundle, name) for name, one in self._live.items()}

    def answers(self, name: str = "") -> Answers:
        """What to ask for the length of one request; raises UnknownId where no model is called so."""
        live = self._live
        try:
            return live[name or self.default]
        except KeyError:
            raise UnknownId(f"no model is called {name!r}", f"known are {', '.join(live)}") from None

    def models(self) -> Answer:
        """Every model by its name and version, the default first."""
        live = self._live
        listed = [
            {
                "name": name,
                "model": one.version,
                "trainer": str(one.bundle.manifest.get("trainer", "")),
                "default": name == self.default,
            }
            for name, one in live.items()
        ]
        return {"model": live[self.default].version, "models": listed}

    def versions(self) -> dict[str, str]:
        """The version of each model by its name."""
        return {name: one.version for name, one in self._live.items()}

    def warm_up(self) -> None:
        """Answers one request of each costly kind by each model, so that no user waits for pages or for an index."""
        for name, answers in self._live.items():
            self.replace(answers.bundle, name)
        self.ready = True

    def replace(self, bundle: Bundle, name: str = "") -> None:
        """Puts another bundle in the place of a live one, warm; the old one stays where the new one cannot answer."""
        with self._changing:
            answers = warm(self._answers_of(bundle, name or self.default))
            answers.listed.open = True
            self.put(answers, name)

    def put(self, answers: Answers, name: str = "") -> None:
        """Lets these answers be live, as they are."""
        with self._changing:
            self._live = {**self._live, (name or self.default): answers}

    def reload(self, name: str = "") -> Answer:
        """Looks into a model's folder and swaps, here and then in every other process that serves it.

        Raises UnknownId, and BadCandidate where what lies there cannot be served: the live one then stays.
        """
        done = self.reload_here(name)
        self.told(done["name"])
        return done

    def reload_here(self, name: str = "") -> Answer:
        """The same in this process alone. Opening and warming up take this thread's time, not that of requests."""
        with self._changing:  # two at a time might leave the older one
            before, name = self.answers(name).version, name or self.default
            try:
                self._reload(name)
            except BadCandidate as error:
                self.reported(name, REFUSED)
                log.warning("the model %s stays at version %s: %s", name, before, error.message)
                raise
            now = self.answers(name).version
            self.reported(name, UNCHANGED if now == before else SWAPPED)
        if now != before:
            log.info("the model %s is at version %s now, before at %s", name, now, before)
        return {"model": now, "name": name, "before": before, "changed": now != before}

    def close(self) -> None:
        """Lets go of the store; what is live goes on answering from memory."""
        self.ready = False
        if self._store is not None:
            self._store.close()

    def _reload(self, name: str) -> None:
        if name not in self.folders:
            raise Unavailable(f"the model {name!r} was not read from a folder", "start the service with one")
        folder = self.folders[name]
        try:
            if load_manifest(folder) != self.answers(name).bundle.manifest:
                self.replace(Bundle.open(folder), name)
        except CofactorError as error:
            raise BadCandidate(error.message, f"the one before goes on serving; {error.hint}") from error
        except Exception as error:  # whatever a model does that cannot answer; the log has it
            log.exception("the model in %s cannot answer", folder)
            what = f"the model in {folder} cannot be served: {type(error).__name__}"
            raise BadCandidate(what, "the one before goes on serving; the log says more") from error

    def _answers_of(self, bundle: Bundle, name: str) -> ObservedAnswers:
        return ObservedAnswers(bundle, Pace(), self._store, self._terms, name, Ear(self._listed))
