"""Closed-loop load: wrk if it is installed, because it needs the least CPU time, and asyncio otherwise."""

import asyncio
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

WRK = shutil.which("wrk")
SCRIPT = """
local paths, bodies, at = {}, {}, 0
for line in io.lines("%(paths)s") do paths[#paths + 1] = line end
for line in io.lines("%(bodies)s") do bodies[#bodies + 1] = line end
function request()
  at = at + 1
  local path = paths[at %% #paths + 1]
  if #bodies == 0 then return wrk.format("GET", path) end
  return wrk.format("POST", path, {["content-type"] = "application/json"}, bodies[at %% #bodies + 1])
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("\\n[%%d, %%d, %%d, %%f, %%f, %%f]\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.timeout + e.status,
    latency:percentile(50), latency:percentile(99), latency.max))
end
"""


@dataclass(frozen=True)
class Measured:
    requests: int
    seconds: float
    failed: int
    p50: float  # milliseconds
    p99: float
    longest: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def load(url: str, clients: int, seconds: float, paths: Sequence[str], bodies: Sequence[str] = ()) -> Measured:
    """Each client requests one path after another (POST if there are bodies) and waits for each response."""
    by = _by_wrk if WRK else _by_asyncio
    return by(url, clients, seconds, paths, bodies)


def _by_wrk(url: str, clients: int, seconds: float, paths: Sequence[str], bodies: Sequence[str]) -> Measured:
    assert WRK
    with tempfile.TemporaryDirectory() as folder:
        files = {"paths": Path(folder) / "paths", "bodies": Path(folder) / "bodies"}
        files["paths"].write_text("\n".join(paths) + "\n")
        files["bodies"].write_text("".join(f"{one}\n" for one in bodies))
        script = Path(folder) / "requests.lua"
        script.write_text(SCRIPT % files)
        command = [WRK, "-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s", "--timeout", "10s", "-s", script, url]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    requests, micros, failed, p50, p99, longest = json.loads(said.strip().splitlines()[-1])
    return Measured(requests, micros / 1e6, failed, p50 / 1e3, p99 / 1e3, longest / 1e3)


def _by_asyncio(url: str, clients: int, seconds: float, paths: Sequence[str], bodies: Sequence[str]) -> Measured:
    host, port = url.removeprefix("http://").split(":")
    times: list[float] = []
    failed, numbers = 0, count()

    async def client(end: float) -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection(host, int(port))
        while (begun := time.perf_counter()) < end:
            n = next(numbers)
            writer.write(_request(host, paths[n % len(paths)], bodies[n % len(bodies)] if bodies else None))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            failed += not head.startswith(b"HTTP/1.1 200")
            times.append(1e3 * (time.perf_counter() - begun))
        writer.close()

    async def all_of_them() -> None:
        end = time.perf_counter() + seconds
        await asyncio.gather(*(client(end) for _ in range(clients)))

    begun = time.perf_counter()
    asyncio.run(all_of_them())
    took = time.perf_counter() - begun
    times.sort()
    return Measured(len(times), took, failed, times[len(times) // 2], times[int(0.99 * len(times))], times[-1])


def _request(host: str, path: str, body: str | None) -> bytes:
    if body is None:
        return f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode()
    said = body.encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {len(said)}\r\n\r\n"
    )
    return head.encode() + said
