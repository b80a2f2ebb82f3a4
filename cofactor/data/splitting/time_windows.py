"""Splits along time: a model is trained on earlier ratings and tested on later ones, as in a service.

In every split here, training ratings are earlier than validation ratings, and these earlier than test ratings.
"""

from collections.abc import Iterator
from numbers import Real

from cofactor.data.dates import format_time
from cofactor.data.ratings import Ratings
from cofactor.data.splitting.assign_parts import by_cut, by_windows, share_count
from cofactor.data.splitting.split import Split, check_share, make_split
from cofactor.errors import BadData, check_whole


def split_at_time(ratings: Ratings, cut: int, *, validation: float = 0.1) -> Split:
    """Splits at one time for all users: the ratings from `cut` on, in seconds since 1970, are the test part.

    The latest ⌊rest · validation⌋ before it are validation, or a few more or fewer, so that they begin where the time
    changes. Raises BadData without times, for a share outside [0, 1), where a part with a share above 0 would be
    empty, and where the validation part would begin within many ratings of the same time.
    """
    check_share("validation", validation)
    if not isinstance(cut, Real):
        raise BadData(f"the cut is {str(cut)[:60]!r}", "give a time in seconds since 1970")
    return make_split(ratings, by_cut(ratings, cut, validation), f"cut {format_time(cut)}", validation=validation)


def rolling_windows(ratings: Ratings, n: int, *, test: float = 0.1, validation: float = 0.1) -> Iterator[Split]:
    """Yields n splits along time, the earliest first: train on all ratings before a window, test on the window.

    The latest n · ⌊n_ratings · test⌋ ratings are cut into n windows of equal size, so that the metrics of all windows
    are equally precise (windows of equal time would hold few ratings in quiet months). Each window begins at the
    nearest change from one time to the next, so sizes may differ a little. The last window is the test part of
    `split(ratings, "time")`. The latest ⌊before · validation⌋ ratings before a window are validation. Ratings after a
    window are in no part of its split.

    Raises BadData without times, for fewer than 2 windows, for shares outside [0, 1), where the windows leave nothing
    to train on, and where one would begin within many ratings of the same time.
    """
    check_share("test", test)
    check_share("validation", validation)
    check_whole("n", n, "the number of windows")
    if n < 2:
        raise BadData(f"{n} windows of time", 'give at least 2; for one, use a split of kind "time"')
    if n * test >= 1:
        hint = f"give a test share below {1 / n:.3g}"
        raise BadData(f"{n} windows of {test:g} of the ratings leave nothing to train the first on", hint)
    if share_count(len(ratings), test) == 0:
        raise BadData(
            f"a window would hold {test:g} of {len(ratings):,} ratings, which is none", "give a larger test share"
        )
    for number, part in enumerate(by_windows(ratings, n, test, validation), 1):
        yield make_split(ratings, part, f"window {number} of {n}", validation=validation)
