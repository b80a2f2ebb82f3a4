"""Writes text in another encoding as UTF-8 without a byte order mark."""

import codecs
from pathlib import Path

from cofactor.data.reading.containers.zip_files import CHUNK
from cofactor.errors import BadData


def write_as_utf8(path: Path, encoding: str, into: Path) -> Path:
    """Writes a file of text in another encoding as UTF-8; raises BadData where it is damaged."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file, into.open("wb") as out:
            while chunk := file.read(CHUNK):
                out.write(decoder.decode(chunk).removeprefix("\ufeff").encode())
            out.write(decoder.decode(b"", final=True).encode())
    except UnicodeError as error:
        raise BadData(f"text that begins like {encoding} and is not ({error})", "save it as UTF-8") from None
    return into
