"""The build hook: compiles the grammar into the parser's table, and includes it with the grammars, the specs and the
pages of errors.

A wheel carries all of them inside the package. An editable install reads the files from the checkout, and the table
from `archlang/grammar.table`, which git ignores.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TABLE = "archlang/grammar.table"


class GrammarTable(BuildHookInterface[BuilderConfig]):
    """Runs around the build of a wheel, the editable one of `pip install -e` included."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the table; `version` is `standard` or `editable`."""
        root = Path(self.root)
        table = compiled_table(root)
        if version == "editable":
            write_whole(root / TABLE, table)
            return
        self.scratch = TemporaryDirectory()
        held = Path(self.scratch.name) / "grammar.table"
        held.write_bytes(table)
        build_data["force_include"] |= {
            str(held): TABLE,
            str(root / "grammars"): "archlang/grammars",
            str(root / "specs"): "archlang/specs",
            str(root / "docs/errors"): "archlang/docs/errors",
        }

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was written outside the wheel."""
        if version != "editable":
            self.scratch.cleanup()


def compiled_table(root: Path) -> bytes:
    """The bytes of the parser's table, from the file that compiles it: the package cannot be imported yet."""
    spec = importlib.util.spec_from_file_location("archlang_parse_table", root / "archlang/parse/parser_table.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table: bytes = module.compiled(root / "grammars/archlang.lark")
    return table


def write_whole(path: Path, content: bytes) -> None:
    """Write under another name in the same directory, then rename, so that the file is complete or absent."""
    other = path.with_name(f"{path.name}.{os.getpid()}")
    other.write_bytes(content)
    other.replace(path)
