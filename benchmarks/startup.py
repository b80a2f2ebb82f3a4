"""Wall and CPU seconds of `cofactor --help`, and from the start of `cofactor serve` to the first response of /ready.

    python benchmarks/startup.py MODEL [--repeat 7]

MODEL is a saved model, for example from `cofactor train svd ml-1m`. One with half a million items is made by

    python benchmarks/synthetic_catalogue.py build/half-a-million --items 500000
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from urllib.error import URLError
from urllib.request import urlopen

COMMAND = [sys.executable, "-c", "from cofactor.cli import main; main()"]
PORT = 8765


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--repeat", type=int, default=7)
    given = parser.parse_args()
    print("| command | median wall s | minimum | maximum | median CPU s |\n|---|---|---|---|---|")
    for name, measure in (("cofactor --help", help_), ("serve to ready", lambda: ready(given.model))):
        measure()
        seconds, cpu_seconds = zip(*(with_cpu_seconds(measure) for _ in range(given.repeat)), strict=True)
        spread = f"{median(seconds):.2f} | {min(seconds):.2f} | {max(seconds):.2f}"
        print(f"| {name} | {spread} | {median(cpu_seconds):.2f} |", flush=True)


def with_cpu_seconds(measure: Callable[[], float]) -> tuple[float, float]:
    """What `measure` returns, and the CPU seconds of the processes that it started and waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = measure()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def help_() -> float:
    started = time.perf_counter()
    subprocess.run([*COMMAND, "--help"], check=True, capture_output=True)
    return time.perf_counter() - started


def ready(model: Path) -> float:
    """Seconds from the start of the process to its first response; stops the process."""
    started = time.perf_counter()
    server = subprocess.Popen([*COMMAND, "serve", model, "--port", str(PORT)], stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                with urlopen(f"http://127.0.0.1:{PORT}/ready", timeout=5):
                    return time.perf_counter() - started
            except (URLError, OSError):
                if server.poll() is not None:
                    sys.exit("the server ended")
                time.sleep(0.01)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
