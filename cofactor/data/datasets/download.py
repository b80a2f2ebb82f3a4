"""Downloads that resume where they were interrupted."""

import http.client
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from cofactor.errors import CofactorError, Unavailable

Progress = Callable[[int, int | None], object]  # bytes received, bytes in all (None: unknown)

TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 18


class ResumableDownload:
    """A downloader for pooch that writes to the file `part` and resumes from it after an interruption.

    A broken connection is opened again as long as each attempt receives some bytes. Raises Unavailable, with `hint`,
    where the address cannot be reached or answers with an error.
    """

    def __init__(self, part: Path, progress: Progress | None, hint: str) -> None:
        self.part, self.progress, self.hint = part, progress, hint

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        """Downloads `url` to `output_file`, as pooch calls it."""
        while not self._transfer(url):
            pass
        shutil.move(self.part, output_file)

    def _transfer(self, url: str) -> bool:
        """Appends the missing bytes to the part; False where the connection broke, or the download must start again."""
        had = self.part.stat().st_size if self.part.exists() else 0
        headers = {"User-Agent": "cofactor", **({"Range": f"bytes={had}-"} if had else {})}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as response:
                here, total = self._append(response, had)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and had:  # the part belongs to a longer file
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
        raise self._unavailable(f"{url} ended after {here:,} of {total:,} bytes")

    def _append(self, response: http.client.HTTPResponse, had: int) -> tuple[int, int | None]:
        """Appends a response to the part, or overwrites it with a whole one; bytes received and in all."""
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
