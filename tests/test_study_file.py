"""Study files that are full, locked or damaged, and the errors that name them."""

import sqlite3
from pathlib import Path

import pytest

from cofactor.errors import BadArtifact
from cofactor.experiments.tuning.storage_errors import content_errors, storage_errors
from cofactor.experiments.tuning.study_storage import StudyStorage


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "study.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE trials (value TEXT)")
    database.close()
    return path


def test_a_full_disk_is_an_error_that_names_the_file(study: Path) -> None:
    database = sqlite3.connect(study)
    database.execute("PRAGMA max_page_count = 2")
    with pytest.raises(BadArtifact, match="database or disk is full") as caught, storage_errors(study):
        database.execute("INSERT INTO trials VALUES (?)", ["x" * 100_000])
    assert str(study) in caught.value.message
    assert "the disk may be full" in caught.value.hint
    database.close()


def test_a_file_that_another_program_has_locked_is_an_error(study: Path) -> None:
    other, ours = sqlite3.connect(study, isolation_level=None), sqlite3.connect(study, timeout=0)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(BadArtifact, match="database is locked"), storage_errors(study):
        ours.execute("INSERT INTO trials VALUES ('x')")
    other.close()
    ours.close()


def test_errors_of_sqlalchemy_name_their_cause_in_one_line(study: Path) -> None:
    import sqlalchemy

    engine = sqlalchemy.create_engine(f"sqlite:///{study}")
    with pytest.raises(BadArtifact) as caught, storage_errors(study), engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT * FROM missing"))
    assert caught.value.message == f"{study} cannot be used: no such table: missing"
    engine.dispose()


def test_other_errors_pass_through(study: Path) -> None:
    with pytest.raises(ZeroDivisionError), storage_errors(study), content_errors(study):
        _ = 1 / 0
    with pytest.raises(KeyError), storage_errors(study):
        _ = {}["x"]


@pytest.mark.parametrize("error", [ValueError("odd"), KeyError("odd"), TypeError("odd"), AttributeError("odd")])
def test_content_that_optuna_cannot_read_is_damage(study: Path, error: Exception) -> None:
    with pytest.raises(BadArtifact, match=r"is damaged: .*odd") as caught, content_errors(study):
        raise error
    assert caught.value.hint


def test_a_lock_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "study.db.lock").write_bytes(b"not a database at all" * 99)
    with pytest.raises(BadArtifact, match=r"study\.db\.lock is damaged") as caught:
        StudyStorage(tmp_path / "study.db", resume=False)
    assert caught.value.hint == "remove it"
    assert not (tmp_path / "study.db").exists()


def test_a_search_that_could_not_be_opened_holds_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    database = sqlite3.connect(path)
    for table in ("studies", "trials", "alembic_version"):
        database.execute(f"CREATE TABLE {table} (odd)")
    database.close()
    with pytest.raises(BadArtifact) as caught:
        StudyStorage(path, resume=True)
    path.unlink()
    assert caught.tb, "whoever keeps the error keeps the object that was not made"
    StudyStorage(path, resume=False).close()
