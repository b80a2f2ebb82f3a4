"""`cofactor protocols`: the published evaluation protocols and their results."""

import click

from cofactor.cli.display.terminal import as_json, figure, print_facts, print_json, print_table


@click.command()
@click.argument("name", required=False)
@as_json
def protocols(name: str | None, as_json: bool) -> None:
    """List the published evaluation protocols, or show one of them with its published results.

    \b
    cofactor compare all --protocol ml-100k-u1 -o report/
    """
    from cofactor.cli import unknown_choice
    from cofactor.experiments.protocols.registry import PROTOCOLS

    if name is not None and name not in PROTOCOLS:
        raise unknown_choice("protocol", name, PROTOCOLS)
    if as_json:
        listed = [one.as_dict() for one in PROTOCOLS.values()]
        print_json({"protocols": listed} if name is None else PROTOCOLS[name].as_dict())
        return
    if name is None:
        rows = [[one.name, one.data, one.about, one.source] for one in PROTOCOLS.values()]
        print_table(rows, ["name", "data", "what", "source"], left=4)
        return
    one = PROTOCOLS[name]
    counts = (
        f"{one.counts.users:,} users, {one.counts.items:,} items, {one.counts.train:,} train, {one.counts.test:,} test"
    )
    print_facts(
        {
            "name": one.name,
            "what": one.about,
            "source": one.source,
            "data": f"{one.data}: {one.origin}",
            "splits": ", ".join(one.splits),
            "counts": counts,
        }
    )
    click.echo()
    rows = [
        [other.system, f"{other.how}: {other.source}", *(figure(other.figures.get(metric)) for metric in one.metrics)]
        for other in one.published
    ]
    print_table(rows, ["system", "source", *one.metrics], left=2)
