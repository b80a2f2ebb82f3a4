"""Files about the project say the same things as the package."""

import re
import tomllib
from pathlib import Path

import yaml

import cofactor

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_changelog_and_the_citation_name_the_version_of_the_package() -> None:
    releases = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", text("CHANGELOG.md"), re.MULTILINE)
    assert releases, "headings as '## [1.2.3] - 2026-01-31'"
    assert releases == sorted(releases, key=lambda release: [int(n) for n in release[0].split(".")], reverse=True)
    citation = yaml.safe_load(text("CITATION.cff"))
    assert releases[0] == (cofactor.__version__, str(citation["date-released"]))
    assert citation["version"] == cofactor.__version__
    assert citation["license"] == PROJECT["license"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation), "the fields that the format requires"


def test_the_security_policy_supports_the_minor_version_of_the_package() -> None:
    assert f"| {cofactor.__version__.rpartition('.')[0]} | yes |" in text("SECURITY.md")


def test_every_supported_python_is_tested() -> None:
    classifiers = [name.rpartition(" ")[2] for name in PROJECT["classifiers"] if "Python :: 3." in name]
    jobs = yaml.safe_load(text(".github/workflows/ci.yml"))["jobs"]
    assert jobs["checks"]["strategy"]["matrix"]["python"] == classifiers
    assert PROJECT["requires-python"] == f">={classifiers[0]}"


def test_commits_are_checked_by_the_linters_of_make_lint() -> None:
    hooks = [hook for repo in yaml.safe_load(text(".pre-commit-config.yaml"))["repos"] for hook in repo["hooks"]]
    recipes = text("Makefile").replace("$(TEST)", ".venv-test")
    for hook in hooks:
        command = hook["entry"].replace(" --force-exclude", "")
        assert command in recipes or re.search(rf"^{command.removeprefix('make ')}:", recipes, re.MULTILINE), hook["id"]
    assert {hook["id"] for hook in hooks} >= {"ruff-check", "ruff-format", "mypy", "import-linter", "structure"}
