"""`cofactor protocols`: the published evaluation protocols and their results."""

import click

from cofactor.cli.terminal import as_json, print_facts, print_json, print_table, print_text


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
    from cofactor.report.text.protocols import protocol_facts, protocols_table, published_table

    if name is not None and name not in PROTOCOLS:
        raise unknown_choice("protocol", name, PROTOCOLS)
    if as_json:
        listed = [one.as_dict() for one in PROTOCOLS.values()]
        print_json({"protocols": listed} if name is None else PROTOCOLS[name].as_dict())
        return
    if name is None:
        print_table(protocols_table(PROTOCOLS.values()))
        return
    protocol = PROTOCOLS[name]
    print_facts(protocol_facts(protocol))
    print_text()
    print_table(published_table(protocol.published, protocol.metrics))
