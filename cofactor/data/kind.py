"""What the values of a table are."""

from typing import Literal

Kind = Literal["ratings", "counts", "pairs"]  # on a scale; how often or how strongly; none, each is 1
