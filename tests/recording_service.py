"""Answers that say what they were asked, in the documented shape: what the front door is tested with."""

from dataclasses import dataclass, field
from typing import Any

from cofactor.errors import UnknownId
from cofactor.serving.http.routes import ROUTES
from cofactor.serving.model_registry import BadCandidate
from cofactor.serving.service import Latency

EXAMPLES: dict[str, Any] = {
    route.ask: route.answer.model_json_schema()["examples"][0] for route in ROUTES if route.answer is not None
}


@dataclass
class Asked:
    """Takes every question of Answers, keeps it in `asked`, and gives the documented example of an answer."""

    version: str = "abc123"
    latency: Latency = field(default_factory=Latency)
    store: Any = None
    is_brief: bool = True
    asked: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    def is_fast(self, why: int = 0) -> bool:
        return self.is_brief

    def __getattr__(self, ask: str) -> Any:
        if ask not in EXAMPLES:
            raise AttributeError(ask)

        def answer(*arguments: Any) -> dict[str, Any]:
            self.asked.append((ask, arguments))
            return {**EXAMPLES[ask], "model": self.version}

        return answer


class Models:
    """A service of several models, all of which answer in examples."""

    def __init__(self, **models: Asked) -> None:
        self.by_name = models or {"first": Asked()}
        self.ready = True
        self.damaged = False

    def service(self, name: str = "") -> Any:
        name = name or next(iter(self.by_name))
        if name not in self.by_name:
            raise UnknownId(f"unknown model {name!r}", "/models lists them")
        return self.by_name[name]

    def models(self) -> dict[str, Any]:
        return {**EXAMPLES["models"], "model": self.service().version}

    def reload(self, name: str = "") -> dict[str, Any]:
        if self.damaged:
            raise BadCandidate("model.safetensors is damaged", "save the model again")
        return {**EXAMPLES["reload"], "model": self.service(name).version, "name": name or "first"}
