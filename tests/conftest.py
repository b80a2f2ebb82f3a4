"""Fixtures for every test."""

import os
from pathlib import Path

import pytest

DATA_VARIABLE = "COFACTOR_TEST_DATA"
REQUIRED_VARIABLE = "COFACTOR_REQUIRE_DATA"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of ml-100k, ml-1m, ml-latest-small; skips where it is not named, fails where it is required."""
    named = os.environ.get(DATA_VARIABLE)
    if named and Path(named).is_dir():
        return Path(named).resolve()
    missing = f"{named} is not a folder" if named else f"{DATA_VARIABLE} is not set"
    if os.environ.get(REQUIRED_VARIABLE) == "1":
        pytest.fail(f"{missing}, and {REQUIRED_VARIABLE}=1 asks for the real data")
    pytest.skip(f"{missing}; set it to a folder that holds ml-100k, ml-1m and ml-latest-small")
