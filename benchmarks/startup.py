"""Wall seconds of `cofactor --help`, and from the start of `cofactor serve` to the first response of /ready.

    python benchmarks/startup.py MODEL [--repeat 7]

MODEL is a saved model, for example from `cofactor train svd ml-1m`.
"""

import argparse
import subprocess
import sys
import time
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
    print("| command | median wall s | minimum | maximum |\n|---|---|---|---|")
    for name, measure in (("cofactor --help", help_), ("serve to ready", lambda: ready(given.model))):
        measure()
        seconds = [measure() for _ in range(given.repeat)]
        print(f"| {name} | {median(seconds):.2f} | {min(seconds):.2f} | {max(seconds):.2f} |", flush=True)


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
