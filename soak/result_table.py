"""Print the results of a part: one line of measurements, and its faults."""

from collections import Counter

from soak.workers import Tally

FAULTS_SHOWN = 40


def print_result(name: str, tally: Tally) -> bool:
    """Prints the results of the cases; returns whether there was no fault."""
    outcomes = ", ".join(f"{count:,} {what}" for what, count in tally.outcomes.most_common())
    more = "".join(f"; {name} {value}" for name, value in tally.measurements.items())
    rate = tally.cases / max(tally.seconds, 1e-9)
    for what, count in Counter(fault.what[:120] for fault in tally.faults).most_common():
        numbers = [fault.number for fault in tally.faults if fault.what[:120] == what]
        print(f"  {count} × {what}: {numbers[:8]}")
    for fault in tally.faults[:FAULTS_SHOWN]:
        print(f"--- case {fault.number}: {fault.what}\n{fault.detail}")
    print(
        f"| {name} | {tally.cases:,} cases: {outcomes}{more} | {rate:.0f} a second | {len(tally.faults)} faults |",
        flush=True,
    )
    return not tally.faults
