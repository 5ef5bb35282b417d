"""The committed bundle is what its sources give. Skipped where Node is missing, or its packages cannot be had."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WEB, BUNDLE = ROOT / "archlang" / "page" / "web", ROOT / "archlang" / "page" / "bundle"
NODE, NPM = shutil.which("node"), shutil.which("npm")

needs_node = pytest.mark.skipif(NODE is None or NPM is None, reason="no Node")


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the sources with the packages of package-lock.json."""
    assert NPM is not None
    folder = tmp_path_factory.mktemp("page") / "web"
    shutil.copytree(WEB, folder, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run([NPM, "ci"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"npm ci: {done.stderr[-300:]}")
    return folder


def run(*words: str, cwd: Path) -> None:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_node
@pytest.mark.sweep
def test_the_bundle_is_built_from_its_sources(web: Path) -> None:
    assert NODE is not None
    run(NODE, "build.mjs", "out", cwd=web)
    built = {path.name: path.read_bytes() for path in (web / "out").iterdir()}
    assert built == {path.name: path.read_bytes() for path in BUNDLE.iterdir()}


@needs_node
@pytest.mark.sweep
def test_the_sources_have_right_types_and_pass_their_tests(web: Path) -> None:
    assert NPM is not None
    run(NPM, "run", "types", cwd=web)
    run(NPM, "test", cwd=web)


def test_the_licences_of_what_is_bundled_are_shipped() -> None:
    text = (BUNDLE / "LICENCES.txt").read_text(encoding="utf-8")
    assert "@dagrejs/dagre 3.1.3, MIT" in text and "@dagrejs/graphlib 4.0.6, MIT" in text
    assert text.count("Permission is hereby granted, free of charge") == 2


def test_the_lock_names_no_registry() -> None:
    text = (WEB / "package-lock.json").read_text(encoding="utf-8")
    assert "://" not in text.replace('"url": "https://', "") and '"resolved"' not in text
