"""Speed and memory of reading ratings.

    python benchmarks/reading.py [--folder FOLDER] [--ratings N] [--threads 2]

Generates files with the shape of MovieLens 25M (162,541 users, 59,047 items with gaps in their ids, half stars, seconds
since 1970), in the order of MovieLens and shuffled, as CSV and as Parquet, and one with a million ratings and text ids.
Each file is read in a process of its own. Prints wall and CPU time of `read` and the peak memory of the process.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import numpy as np

USERS, ITEMS, RATINGS = 162_541, 59_047, 25_000_095
TEXT_RATINGS = 1_000_000

MEASURE = """
import json, os, resource, sys, time
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[2])])
from cofactor.data.reading.read import read
wall, cpu = time.perf_counter(), time.process_time()
ratings = read(sys.argv[1])
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
if os.path.exists("/proc/self/status"):  # getrusage would count what the parent had when it forked
    kilobytes = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
    peak = kilobytes / (1 << 20)
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 30)
print(json.dumps({"wall": wall, "cpu": cpu, "peak": peak, "ratings": len(ratings), "users": len(ratings.users),
                  "items": len(ratings.items), "duplicates": ratings.origin.duplicates}))
"""


def main() -> None:
    """Generates the files, reads them and prints a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "--folder", type=Path, help="Folder for the files, which are kept [default: a temporary folder]."
    )
    options.add_argument("--ratings", type=int, default=RATINGS)
    options.add_argument("--threads", type=int, default=2)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{'file':<24}{'MB':>7}{'ratings':>13}{'users':>9}{'items':>8}{'wall s':>9}{'CPU s':>8}{'peak GB':>9}")
        for path in make(folder, chosen.ratings):
            found = measure(path, chosen.threads)
            print(
                f"{path.name:<24}{path.stat().st_size / 1e6:>7.0f}{found['ratings']:>13,}{found['users']:>9,}"
                f"{found['items']:>8,}{found['wall']:>9.2f}{found['cpu']:>8.2f}{found['peak']:>9.2f}",
                flush=True,
            )
    print(f"load of this machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


def measure(path: Path, threads: int) -> dict[str, float]:
    """Time and memory to read one file, in a process of its own."""
    command = [sys.executable, "-c", MEASURE, str(path), str(threads)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, float] = json.loads(output)
    return found


def make(folder: Path, n: int) -> list[Path]:
    """The files; those that do not exist yet are generated."""
    rated = (
        "SELECT userId, 1 + (7 * item) // 2 AS movieId, (1 + hash(userId, item) % 10) / 2 AS rating, "
        "800000000 + CAST(hash(item, userId) % 700000000 AS BIGINT) AS timestamp FROM "
        f"(SELECT userId, k + CAST(floor(({ITEMS} - n) * (k / n) ** 3) AS BIGINT) AS item FROM "
        "(SELECT userId, n, unnest(range(n)) AS k FROM users))"
    )
    text = (
        "SELECT 'A' || upper(substr(md5(CAST(hash(range, 1) % 100000 AS VARCHAR)), 1, 13)) AS user_id, "
        "'B0' || upper(substr(md5(CAST(hash(range, 2) % 40000 AS VARCHAR)), 1, 12)) AS parent_asin, "
        f"1 + hash(range, 3) % 5 AS rating, 1500000000000 + range AS timestamp FROM range({TEXT_RATINGS})"
    )
    queries = {
        "movielens.csv": rated,
        "shuffled.csv": f"SELECT * FROM ({rated}) ORDER BY hash(userId, movieId, 5)",
        "shuffled.parquet": f"SELECT * FROM ({rated}) ORDER BY hash(userId, movieId, 5)",
        "text_ids.csv": text,
        "text_ids.parquet": text,
    }
    with duckdb.connect() as connection:
        connection.register("users", {"userId": np.arange(1, USERS + 1), "n": counts(n)})
        for name, query in queries.items():
            if not (folder / name).exists():
                connection.execute(f"COPY ({query}) TO '{folder / name}'")
    return [folder / name for name in queries]


def counts(n: int) -> np.ndarray:
    """(USERS,) skewed numbers of ratings that sum to n, at least 20 each if n is large enough."""
    least = min(20, n // USERS)
    share = np.random.default_rng(0).exponential(size=USERS)
    ratings = least + np.floor(share / share.sum() * (n - least * USERS)).astype(np.int64)
    ratings[: n - ratings.sum()] += 1
    return ratings


if __name__ == "__main__":
    main()
