"""Virtual environments of the peers, one each, created on first use."""

import os
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

REQUIREMENTS = {
    "cornac": ["torch==2.13.0", "cornac==3.0.1"],
    "implicit": ["implicit==0.7.3"],
    "libmf": ["numpy", "setuptools", "libmf==0.9.2"],
    "myfm": ["setuptools<81", "myfm==0.4.0"],  # it imports pkg_resources, which later ones lack
    "surprise": ["numpy<2", "pandas", "scikit-surprise==1.1.5"],
}
LIBMF_BUILDS = {"libmf-sse": ["-DUSESSE"], "libmf-avx": ["-DUSEAVX", "-mavx"]}


def python_of(peer: str, folder: Path) -> Path:
    """The interpreter of a peer's environment."""
    home = folder / peer
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        print(f"installing {peer} …", file=sys.stderr)
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *REQUIREMENTS[peer]], check=True)
        (home / "ready").touch()
    return python


def libmf_builds(folder: Path) -> dict[str, dict[str, str]]:
    """Environment variables that select the builds of LIBMF with SSE and with AVX, compiled from its sources."""
    python = python_of("libmf", folder)
    source = folder / "libmf-0.9.2"
    if not source.exists():
        command = [python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*command, "libmf==0.9.2", "-d", folder], check=True)
        with tarfile.open(folder / "libmf-0.9.2.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    for name, flags in LIBMF_BUILDS.items():
        if not (folder / f"{name}.so").exists():
            sources = sorted(map(str, (source / "src_cpp").glob("*.cpp")))
            command = [
                "g++",
                "-O3",
                "-std=c++11",
                "-march=native",
                "-fopenmp",
                "-DUSEOMP",
                "-fPIC",
                "-shared",
                *flags,
                *sources,
            ]
            subprocess.run([*command, "-o", folder / f"{name}.so"], check=True)
    return {name: {**os.environ, "LIBMF_OBJ": str(folder / f"{name}.so")} for name in LIBMF_BUILDS}
