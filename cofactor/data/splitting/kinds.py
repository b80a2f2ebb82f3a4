"""The kinds of splits."""

from typing import Literal

SplitKind = Literal["random", "per-user", "time", "last", "one"]
UNSEEDED_KINDS = ("time", "last")
GIVEN: Literal["given"] = "given"  # the parts are somebody else's
