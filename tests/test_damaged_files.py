"""Files that are cut, changed or mixed up are read or are an error with a hint; nothing else happens."""

import gzip
import json
import random
from pathlib import Path
from typing import Literal

import pytest

from cofactor.data.reading.read import read
from cofactor.errors import CofactorError
from tests.test_containers import TEXT, tar
from tests.test_file_formats import BY_ROW, MATRIX, RECORDS, TABLE, WIDE, workbook
from tests.test_text_formats import FORMS

N = 3  # files of each kind
PIECES = (b"\n", b'"', b"'", b",", b"\0", b"\r", b"#", b"{", b"[", b"\xff\xfe", b",,,,", b"9" * 400)
KINDS = {
    **{f"{form}.txt": text.encode() for form, text in FORMS.items()},
    "lines.json": "\n".join(map(json.dumps, RECORDS)).encode(),
    "array.json": json.dumps(RECORDS).encode(),
    "columns.json": json.dumps(BY_ROW).encode(),
    "matrix.mtx": MATRIX.encode(),
    "netflix.txt": b"1:\n10,3,2005-09-06\n20,5,2005-05-13\n2:\n10,1,2005-10-19\n",
    "wide.csv": WIDE["names"].encode(),
    "table.csv.gz": gzip.compress(TEXT.encode()),
    "table.tar": tar({"ratings.csv": TEXT, "movies.csv": "movieId,title\nx1,One\n"}),
    "table.xlsx": b"",
}


def damaged(content: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(content) + 1)
        match rng.randrange(3):
            case 0:
                content = content[:place] + content[place + rng.randrange(40) :]
            case 1:
                content = content[:place] + bytes([rng.randrange(256)]) + content[place + 1 :]
            case _:
                content = content[:place] + rng.choice(PIECES) + content[place:]
    return content


def refusal(path: Path, layout: Literal["wide"] | None) -> CofactorError | None:
    """The error of reading a file, if there is one."""
    try:
        read(path, layout=layout)
    except CofactorError as error:
        return error
    return None


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file_is_read_or_is_an_error_with_a_hint(tmp_path: Path, name: str) -> None:
    content = KINDS[name] or workbook(tmp_path / "whole.xlsx", Ratings=TABLE).read_bytes()
    rng = random.Random(name)
    for number in range(N):
        path = tmp_path / name.replace("/", "").replace("'", "")
        path.write_bytes(damaged(content, rng))
        error = refusal(path, layout="wide" if "wide" in name and number % 2 else None)
        assert error is None or str(path) in error.message
