"""Downloads that go on where they stopped."""

import http.client
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from cofactor.errors import CofactorError, Unavailable

Progress = Callable[[int, int | None], object]  # bytes that are here, bytes there will be (None: not known)

TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 18


class ResumableDownload:
    """A downloader for pooch: writes to `part`, which outlives an interruption and is added to by the next call.

    A connection that breaks is taken up again as long as each try brings something. Raises Unavailable, with `hint`,
    where the address cannot be reached or answers with an error.
    """

    def __init__(self, part: Path, progress: Progress | None, hint: str) -> None:
        self.part, self.progress, self.hint = part, progress, hint

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        """pooch's protocol: the whole content of `url` into `output_file`."""
        while not self._transfer(url):
            pass
        shutil.move(self.part, output_file)

    def _transfer(self, url: str) -> bool:
        """Adds what is missing to the part; False where the connection broke on the way, or it must start over."""
        had = self.part.stat().st_size if self.part.exists() else 0
        headers = {"User-Agent": "cofactor", **({"Range": f"bytes={had}-"} if had else {})}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as response:
                here, total = self._append(response, had)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and had:  # the part is of something longer
                self.part.unlink()
                return False
            raise self._unavailable(f"{url} answers {error.code} {error.reason}") from error
        except (OSError, http.client.HTTPException) as error:
            if self.part.exists() and self.part.stat().st_size > had:
                return False
            raise self._unavailable(f"{url} cannot be reached ({_reason(error)})") from error
        if total is None or here == total:
            return True
        if here > had:
            return False
        raise self._unavailable(f"{url} breaks off after {here:,} of {total:,} bytes")

    def _append(self, response: http.client.HTTPResponse, had: int) -> tuple[int, int | None]:
        """Writes a response to the part, behind what is there only if that is what was sent; bytes here and in all."""
        here = had if had and _first_byte(response) == had else 0
        length = response.headers.get("Content-Length")
        total = here + int(length) if length and length.isdigit() else None
        with self.part.open("ab" if here else "wb") as file:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                here += len(chunk)
                if self.progress is not None:
                    self.progress(here, total)
        return here, total

    def _unavailable(self, message: str) -> CofactorError:
        return Unavailable(message, self.hint)


def _first_byte(response: http.client.HTTPResponse) -> int | None:
    """Where a partial response begins; None for a whole one."""
    if response.status != http.client.PARTIAL_CONTENT:
        return None
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _reason(error: BaseException) -> str:
    reason = getattr(error, "reason", error)
    return str(getattr(reason, "strerror", None) or reason or type(error).__name__)
