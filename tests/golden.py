"""Golden files: what a program printed when somebody last read it."""

from __future__ import annotations

from pathlib import Path


def assert_golden(path: Path, text: str, rewrite: bool) -> None:
    """Compare text with a file; `pytest --rewrite-golden` writes the file instead."""
    if rewrite:
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, f"{path.name} differs; `python -m tests.regenerate` writes it anew"
