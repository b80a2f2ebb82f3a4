"""Notes on values that may not be what they seem: those that mean no rating, counts, and times far in the future."""

from collections.abc import Iterator, Sequence

import numpy as np

from cofactor.arrays import Array, Floats
from cofactor.data.dates import format_date
from cofactor.data.kind import Kind

SAMPLE = 1_000_000  # values that are examined
FEW = 201  # values of a scale
NEGATIVE = (-1.0, -9.0, -99.0, -999.0)
HIGH = (99.0, 999.0, 9999.0)
LEAST_OTHERS = 3  # values of a scale beside one that means no rating
MOST_STARS = 100  # of a scale; whole numbers above it are counts
MOST_POINTS = 10  # of the usual scales of ratings
EARLY, USUAL = 631_152_000, 788_918_400  # seconds: the years 1990 and 1995
FUTURE = 7_258_118_400  # seconds: the year 2200
FRACTION = 20  # of the values, a twentieth: a zero that is rarer is the lowest rating


def note_values(value: Floats, time: Array | None, kind: Kind) -> Iterator[str]:
    """Yields the notes on (n,) values and times."""
    if not len(value):
        return
    sample = value if len(value) <= SAMPLE else value[:: len(value) // SAMPLE]
    distinct, counts = np.unique(sample, return_counts=True)
    if kind == "ratings":
        odd = find_value_without_meaning(distinct, counts)
        if odd is not None:
            rest = distinct[distinct != odd]
            share = float((value == np.float32(odd)).mean())
            yield (
                f"{odd:g} is {share:.0%} of the ratings, beside {rest[0]:g} to {rest[-1]:g}: if it means that there is "
                f"no rating, leave it out with --missing={odd:g} (in Python missing={odd:g})"
            )
        elif looks_like_counts(distinct, counts):
            yield _count_note(sample)
        elif len(distinct) == 1 and distinct[0] == 1 and len(value) > 1:
            yield "every rating is 1: if there are none, read the rows as interactions with --columns rating="
    if time is not None and (early := int((time < EARLY).sum())) and np.median(time[:SAMPLE]) > USUAL:
        yield f"{early:,} of {len(time):,} times are before 1990, the earliest {format_date(float(time.min()))}"
    if time is not None and (late := int((time > FUTURE).sum())):
        yield f"{late:,} of {len(time):,} times are after the year 2200, the latest {format_date(float(time.max()))}"


def note_matrix(value: Floats) -> Iterator[str]:
    """Yields the note on (n,) values of a sparse matrix that may be counts, where `note_values` has none.

    Most matrices hold counts, so that whole numbers from 1 with one above 10 are enough for a note.
    """
    sample = value if len(value) <= SAMPLE else value[:: len(value) // SAMPLE]
    distinct, counts = np.unique(sample, return_counts=True)
    if not len(distinct) or looks_like_counts(distinct, counts):
        return
    if distinct[0] >= 1 and distinct[-1] > MOST_POINTS and not (distinct % 1).any():
        yield _count_note(sample)


def _count_note(sample: Floats) -> str:
    """The note on values that may be counts."""
    middle = float(np.median(sample))
    return (
        f"half of the ratings are at most {middle:g} and the highest is {sample.max():g}: if they are counts, "
        "read them with --implicit (in Python implicit=True), for ials, ease, knn and other trainers of interactions"
    )


def note_ids(ids: Sequence[str], noun: str) -> Iterator[str]:
    """Yields a note on ids of which one is another with `.0`, as where a part of a table had floats."""
    floats = [id_ for id_ in ids if id_.endswith(".0")]
    known = set(ids) if floats else set()
    if both := [id_ for id_ in floats if id_[:-2] in known]:
        yield (
            f"{len(both):,} {noun}{'s' * (len(both) > 1)} with and without .0, such as {both[0][:-2]} and {both[0]}, "
            "are different ids: write them in one way if they are not"
        )


def find_value_without_meaning(distinct: Array, counts: Array) -> float | None:
    """The one value of several distinct ones, ascending, that may mean "not rated": -1, 0 or 99 beside a scale.

    -1, -9, … are the only negative value; 99, 999, … are at least twice as high as any other; 0 is a twentieth of the
    values, and more frequent than the next.
    """
    if len(distinct) <= LEAST_OTHERS:
        return None
    low, second, last, before = distinct[0], distinct[1], distinct[-1], distinct[-2]
    if low in NEGATIVE and second >= 0:
        return float(low)
    if last in HIGH and last >= 2 * max(abs(before), abs(low)):
        return float(last)
    if low == 0 and len(distinct) <= FEW and counts[0] * FRACTION >= counts.sum() and counts[0] > counts[1]:
        return 0.0
    return None


def looks_like_counts(distinct: Array, counts: Array) -> bool:
    """Whether values, ascending, are whole numbers from 0 with a long tail."""
    if distinct[0] < 0 or distinct[-1] <= MOST_STARS or (distinct % 1).any():
        return False
    median = distinct[np.searchsorted(np.cumsum(counts), counts.sum() / 2)]
    return bool(distinct[-1] >= 10 * max(median, 1))
