"""Recognises numbers in text."""

import re

NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


def is_number(cell: str) -> bool:
    """Whether a cell is a finite number in plain digits."""
    return NUMBER.fullmatch(cell) is not None
