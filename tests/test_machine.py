"""Cores and memory of the machine, and the limits of a container in both versions of control groups."""

import os
from pathlib import Path

import pytest

from cofactor import machine
from cofactor.errors import Unavailable

GIB = 1 << 30


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty control group, on a machine with eight cores and 8 GiB of available memory."""
    (tmp_path / "meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable:  {8 * GIB // 1024} kB\n")
    monkeypatch.setattr(machine, "CONTROL_GROUPS", tmp_path)
    monkeypatch.setattr(machine, "MEMORY_STATUS", tmp_path / "meminfo")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    return tmp_path


def write(group: Path, **files: str) -> None:
    for name, text in files.items():
        file = group / name.replace("__", "/")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text + "\n")


@pytest.mark.parametrize(
    ("quota", "n"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("250000 100000", 3),  # two and a half: a third core is of use
        ("10000 100000", 1),
        ("1600000 100000", 8),  # more than the affinity mask allows
        ("100000", 8),  # no period
        ("100000 0", 8),
        ("", 8),
    ],
)
def test_cores_are_at_most_the_quota_of_a_container(group: Path, quota: str, n: int) -> None:
    (group / "cpu.max").write_text(quota + "\n")
    assert machine.cores() == n


@pytest.mark.parametrize(("quota", "period", "n"), [("150000", "50000", 3), ("-1", "100000", 8), ("100000", "", 8)])
def test_cores_are_at_most_the_quota_of_the_first_version(group: Path, quota: str, period: str, n: int) -> None:
    write(group, **{"cpu__cpu.cfs_quota_us": quota, "cpu__cpu.cfs_period_us": period})
    assert machine.cores() == n


def test_the_second_version_goes_before_the_first(group: Path) -> None:
    write(group, **{"cpu.max": "max 100000", "cpu__cpu.cfs_quota_us": "100000", "cpu__cpu.cfs_period_us": "100000"})
    assert machine.cores() == 8


def test_cores_without_a_container_are_those_of_the_affinity_mask(group: Path, monkeypatch) -> None:
    assert machine.cores() == 8
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    assert machine.cores() == 1
    assert machine.describe_machine().startswith("1 core, ")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})
    assert machine.describe_machine().startswith("2 cores, ")


@pytest.mark.parametrize(
    ("files", "available"),
    [
        ({}, 8 * GIB),
        ({"memory.max": "max", "memory.current": "5"}, 8 * GIB),
        ({"memory.max": str(3 * GIB), "memory.current": str(GIB)}, 2 * GIB),
        ({"memory.max": str(30 * GIB), "memory.current": str(GIB)}, 8 * GIB),  # a limit above what the machine has
        ({"memory.max": str(GIB), "memory.current": str(2 * GIB)}, 0),
        ({"memory.max": str(GIB)}, 8 * GIB),  # no use stated
        ({"memory__memory.limit_in_bytes": str(3 * GIB), "memory__memory.usage_in_bytes": str(GIB)}, 2 * GIB),
        ({"memory__memory.limit_in_bytes": str((1 << 63) - 4096), "memory__memory.usage_in_bytes": "7"}, 8 * GIB),
    ],
)
def test_available_memory_is_within_the_limit_of_a_container(group: Path, files: dict[str, str], available) -> None:
    write(group, **files)
    assert machine.available_memory() == available


def test_memory_is_checked_before_it_is_needed(group: Path) -> None:
    write(group, **{"memory.max": str(2 * GIB), "memory.current": "0"})
    machine.check_memory("the table", 2 * GIB, "")  # just enough
    with pytest.raises(Unavailable) as raised:
        machine.check_memory("the table", 2 * GIB + 1, "use fewer items")
    assert raised.value.message == "the table needs 2.0 GiB of memory, 2.0 GiB are available"
    assert raised.value.hint == "use fewer items"


def test_versions_name_cofactor_first_and_packages_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(machine.versions())[:2] == ["cofactor", "python"]
    assert machine.package_versions().keys() <= machine.versions().keys() | {"torch"}

    def missing(name: str) -> str:
        raise machine.PackageNotFoundError(name)

    monkeypatch.setattr(machine, "version", missing)
    assert machine.package_versions()["numba"] == "not installed"
    assert "torch" not in machine.versions()
