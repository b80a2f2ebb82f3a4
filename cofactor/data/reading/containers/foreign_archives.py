"""Names archives that are no archive of tables, by the names of their members."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from cofactor.errors import BadData

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar", ".tar.bz2", ".tar.xz")


def refuse_foreign_archive(names: Sequence[str]) -> None:
    """Raises BadData, which says what an archive is, where its members are those of another kind of file."""
    bases = {PurePosixPath(name).name for name in names}
    if names and all(name.endswith(".npy") for name in names):
        raise BadData(
            "NumPy arrays (.npz), not a table of ratings",
            "in Python, for a sparse matrix of users and items: cofactor.read(scipy.sparse.load_npz(FILE))",
        )
    if "data.pkl" in bases:
        raise BadData(
            "a file of PyTorch with a pickle, which can run any program when it is opened and is never read",
            "export its ratings as CSV or Parquet",
        )
    if "[Content_Types].xml" in bases:
        kind = "a binary workbook (.xlsb)" if "workbook.bin" in bases else "a document of Office"
        raise BadData(f"{kind}, not a table of ratings", "save the sheet of ratings as .xlsx or CSV")
    if "mimetype" in bases and "content.xml" in bases:
        raise BadData("a document of LibreOffice, not a table of ratings", "save the sheet of ratings as .xlsx or CSV")
    files = [name for name in names if not PurePosixPath(name).name.startswith((".", "_"))]
    inner = [name for name in files if name.casefold().endswith(ARCHIVES)]
    if inner and len(inner) == len(files):
        raise BadData(
            f"an archive of archives ({', '.join(inner[:3])})", "unpack it, and name the one with the ratings"
        )
