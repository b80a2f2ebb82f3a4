"""Reads the banner of a MatrixMarket file: a sparse matrix of users and items."""

from collections.abc import Sequence
from pathlib import Path

from cofactor.data.reading.formats.text_head import open_text
from cofactor.errors import BadData

BANNER = "%%matrixmarket"


def is_matrix_market(first: str) -> bool:
    """Whether a line is the banner of a MatrixMarket file."""
    return first.casefold().startswith(BANNER)


def check_matrix_market(path: Path, texts: Sequence[str]) -> int:
    """The index of the line after the sizes, among the first lines of a file.

    Raises BadData for a matrix that is dense, complex or symmetric, and for a file with fewer entries than it says.
    """
    kind = texts[0].casefold().split()[1:]
    if kind[:2] != ["matrix", "coordinate"] or kind[2:3] == ["complex"] or kind[3:4] != ["general"]:
        raise BadData(f"a MatrixMarket file of another kind: {texts[0][:80]}", "ratings are `coordinate real general`")
    sizes = next((index for index, line in enumerate(texts) if not line.startswith("%")), None)
    if sizes is None or len(texts[sizes].split()) != 3 or not texts[sizes].replace(" ", "").isdigit():
        raise BadData("a MatrixMarket file without a line of its sizes", "its third line is `users items entries`")
    said = int(texts[sizes].split()[2])
    with open_text(path) as file:
        found = sum(bool(line.strip()) and not line.startswith(b"%") for line in file) - 1
    if found != said:
        raise BadData(f"{found:,} entries in a MatrixMarket file of {said:,}", "it is cut short: fetch it again")
    return sizes + 1
