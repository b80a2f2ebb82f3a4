"""Published evaluation protocols and their results as text."""

from collections.abc import Iterable, Sequence

from cofactor.data.tables.text_table import TextTable, format_number
from cofactor.experiments.protocols.published_results import PublishedResult
from cofactor.experiments.protocols.registry import EvaluationProtocol


def protocols_table(protocols: Iterable[EvaluationProtocol]) -> TextTable:
    """The protocols, one a row."""
    rows = [[one.name, one.data, one.about, one.source] for one in protocols]
    return TextTable(rows, ["name", "data", "what", "source"], left=4)


def protocol_facts(protocol: EvaluationProtocol) -> dict[str, str]:
    """What a protocol evaluates on, by name."""
    counts = protocol.counts
    return {
        "name": protocol.name,
        "what": protocol.about,
        "source": protocol.source,
        "data": f"{protocol.data}: {protocol.origin}",
        "splits": ", ".join(protocol.splits),
        "counts": f"{counts.users:,} users, {counts.items:,} items, {counts.train:,} train, {counts.test:,} test",
    }


def published_table(results: Sequence[PublishedResult], metrics: Sequence[str], heading: str = "system") -> TextTable:
    """The results of other systems in these metrics, one a row."""
    rows = [
        [one.system, f"{one.how}: {one.source}", *(format_number(one.figures.get(metric)) for metric in metrics)]
        for one in results
    ]
    return TextTable(rows, [heading, "source", *metrics], left=2)
