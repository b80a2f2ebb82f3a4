"""Names the format of a file that holds no table of ratings in a form that is read, by its first bytes."""

import re

from cofactor.errors import BadData

EXPORT = "export its ratings as CSV or Parquet"
PANDAS = "read it with the program that wrote it, and save it as Parquet: frame.to_parquet('ratings.parquet')"
FETCH_AGAIN = "a download gave a page instead of the file: fetch it again, and look at its first lines"

# The first bytes of a file, what it is, and what to do. The first that fits counts.
KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer", "fetch the file: git lfs pull"),
    (b"SQLite format 3\0", "an SQLite database",
     "write its table to a file: sqlite3 -header -csv FILE 'SELECT user, item, rating FROM ratings' > ratings.csv"),
    (b"%PDF-", "a PDF document", EXPORT),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", PANDAS),
    (b"\x93NUMPY", "a NumPy array (.npy)",
     "in Python: cofactor.read({'user': array[:, 0], 'item': array[:, 1], 'rating': array[:, 2]})"),
    (b"Obj\x01", "an Avro file", EXPORT),
    (b"ARROW1", "an Arrow IPC (Feather) file",
     "in Python: cofactor.read(pyarrow.feather.read_table(FILE)); or save it as Parquet"),
    (b"\xff\xff\xff\xff", "an Arrow stream", "in Python: cofactor.read(pyarrow.ipc.open_stream(FILE).read_all())"),
    (b"FEA1", "a Feather file", "in Python: cofactor.read(pyarrow.feather.read_table(FILE)); or save it as Parquet"),
    (b"ORC", "an ORC file", "in Python: cofactor.read(pyarrow.orc.read_table(FILE)); or save it as Parquet"),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file", "in Python: cofactor.read(scipy.io.loadmat(FILE)['NAME'])"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it, and name the file"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it, and name the file"),
    (b"\x04\x22\x4d\x18", "an LZ4 file", "unpack it: lz4 -d FILE"),
    (b"\xff\x06\0\0sNaPpY", "a Snappy file", "unpack it, and name the file"),
    (b"\x1f\x9d", "a file of compress (.Z)", "unpack it: uncompress FILE"),
    (b"\x89PNG", "a PNG picture", EXPORT),
    (b"\xff\xd8\xff", "a JPEG picture", EXPORT),
    (b"GIF8", "a GIF picture", EXPORT),
    (b"\x7fELF", "a program", EXPORT),
    (b"RDX", "an RData file of R", "in R: write.csv(NAME, 'ratings.csv', row.names = FALSE)"),
    (b"X\n\0\0\0", "an RDS file of R", "in R: write.csv(readRDS(FILE), 'ratings.csv', row.names = FALSE)"),
    (b"<stata_dta>", "a Stata file", PANDAS),
    (b"$FL2", "an SPSS file", PANDAS),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls) or another document of Office",
     "save it as .xlsx or CSV"),
)  # fmt: skip
PICKLE = re.compile(  # of the protocols 2 to 5, and of 0 and 1, which are text
    rb"\x80[\x02-\x05](\x95|[}\](cX\x8c])|\(?[ldti]p\d+\n|\(?c[a-z_][\w.]*\n[A-Za-z_]\w*\n[p(]", re.DOTALL
)
MARKUP = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|\?xml|[a-z]+[\s>])", re.IGNORECASE)


def refuse_foreign_file(head: bytes) -> None:
    """Raises BadData, which says what a file is, where its first bytes are those of a format that is not read."""
    for magic, name, hint in KINDS:
        if head.startswith(magic) and not (magic.isalnum() and b"\0" not in head):  # text may begin with letters
            raise BadData(f"{name}, not a table of ratings", hint)
    if head[8:12] == b"DUCK":
        raise BadData("a DuckDB database, not a table of ratings", "write its table: COPY ratings TO 'r.parquet'")
    if PICKLE.match(head):
        raise BadData(
            "a pickle, which can run any program when it is opened and is never read",
            "where you trust it: pandas.read_pickle(FILE).to_parquet('ratings.parquet')",
        )
    if markup := MARKUP.match(head):
        if markup[2].lower().startswith((b"!doctype", b"html", b"head", b"body")) or b"<html" in head.lower():
            raise BadData("an HTML page, not a table of ratings", FETCH_AGAIN)
        raise BadData("an XML file, not a table of ratings", EXPORT)
