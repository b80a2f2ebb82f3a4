"""Answers that say what they were asked, in the documented shape: what the front door is tested with."""

from typing import Any

from cofactor.errors import UnknownId
from cofactor.serving.api.routes import ROUTES
from cofactor.serving.model_registry import BadCandidate
from cofactor.serving.service import RecommendationService
from cofactor.serving.unit_costs import UnitCosts
from tests.small_service import bundle

EXAMPLES: dict[str, Any] = {
    route.operation: route.response.model_json_schema()["examples"][0] for route in ROUTES if route.response is not None
}


class Asked(RecommendationService):
    """Takes every question of a service, keeps it in `asked`, and gives the documented example of an answer."""

    def __init__(self, version: str = "abc123", costs: UnitCosts | None = None, store: Any = None) -> None:
        super().__init__(bundle(), costs=costs or UnitCosts(), store=store)
        object.__setattr__(self, "asked", [])
        object.__setattr__(self, "said", version)

    asked: list[tuple[str, tuple[Any, ...]]]

    @property
    def version(self) -> str:
        return self.said


def _recorded(ask: str) -> Any:
    def answer(self: Asked, *arguments: Any) -> dict[str, Any]:
        self.asked.append((ask, tuple(one for one in arguments if one is not None)))  # scores are optional
        return {**EXAMPLES[ask], "model": self.version}

    return answer


for _route in ROUTES:
    if _route.answer is not None and not _route.cost:
        setattr(Asked, _route.operation, _recorded(_route.operation))


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
