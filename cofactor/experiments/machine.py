"""Where and with what a comparison was made."""

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from cofactor.manifest import packages
from cofactor.trainers.threads import cores


def machine() -> str:
    """As "2 cores, Linux x86_64"."""
    n = cores()
    return f"{n} core{'s' if n > 1 else ''}, {platform.system()} {platform.machine()}"


def versions() -> dict[str, str]:
    """Of cofactor, of Python and of what the figures depend on."""
    found = packages()
    with suppress(PackageNotFoundError):  # only some trainers need it
        found["torch"] = version("torch")
    return {"cofactor": found.pop("cofactor"), **found}
