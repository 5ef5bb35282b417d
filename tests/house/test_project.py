"""What the files around the code say of it: CONTRIBUTING, SECURITY, CITATION.cff, the hooks and the workflow."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tests import pins

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
PLACEHOLDERS = ("tests/FOLDER/test_NAME.py", "docs/errors/new-code.md")


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md"])
def test_the_files_that_a_page_names_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    linked = re.findall(r"\]\(([^)#]+)", text)
    written = re.findall(r"\b(?:archlang|docs|tests|website)/[\w./-]+\.(?:py|md)\b", text)
    named = {path for path in (*linked, *written) if path not in PLACEHOLDERS}
    assert len(named) >= 4
    assert [path for path in sorted(named) if not (ROOT / path).is_file()] == []


def test_each_of_the_five_changes_names_at_most_two_files() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = {row[0]: row[1] for line in text.splitlines() if len(row := line.strip("| ").split(" | ")) >= 2}
    for change in (
        "an operator",
        "a message",
        "a column of the report that adds up",
        "another column",
        "an output format of the report",
        "a dtype",
    ):
        named = len(re.findall(r"\]\((?!docs/(?!errors))|new-code\.md", rows[change]))
        choices = rows[change].count(" otherwise ")  # only one of these files is edited
        assert 1 <= named - choices <= 2, change


def test_the_citation_is_of_this_version() -> None:
    assert (CITATION["title"].partition(":")[0], CITATION["version"]) == (PROJECT["name"], PROJECT["version"])
    assert (CITATION["license"], CITATION["keywords"]) == (PROJECT["license"], PROJECT["keywords"])
    assert {"cff-version", "message", "title", "authors"} <= set(CITATION)  # what the format demands


def test_the_hooks_run_what_the_set_up_installs() -> None:
    """Nothing is downloaded: each hook is a command of .venv, whose package is among the dependencies."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    assert {hook["language"] for hook in hooks} == {"system"}
    commands = {hook["entry"].split()[0] for hook in hooks}
    assert commands == {".venv/bin/ruff", ".venv/bin/archlang"}
    assert any(line.startswith("ruff") for line in PROJECT["optional-dependencies"]["dev"])


def test_the_workflow_runs_all_checks() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert commands == [".ci/run"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_ci_has_a_hash_of_each_package_that_is_pinned() -> None:
    """If not: `python -m tests.pins` writes requirements-ci.txt from constraints.txt."""
    lines = [line for line in pins.HASHES.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert sorted(line.partition(" ")[0] for line in lines) == sorted(pins.pinned())
    assert all(re.fullmatch(r"\S+ --hash=sha256:[0-9a-f]{64}", line) for line in lines)
    assert pins.listed(["A_b==1", "a==2"], {"a-b": "x", "a": "y"}).endswith(
        "\na==2 --hash=sha256:y\nA_b==1 --hash=sha256:x\n"
    )
