"""The start of `archlang check` against the imports that it cannot do without: `python -m benchmarks.startup`.

It is 2.0 at most on a machine with nothing else to do. The tests allow more, since other programs may run beside them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from archlang.parse.parser_table import compiled
from archlang.paths import GRAMMAR
from tests.clock import of_program, ratio

BASE = "import lark; from pydantic import BaseModel; type('M', (BaseModel,), {})"
# torch unimportable, and a table that is fresh, as it is in a wheel
READY = "import sys, pathlib, archlang.paths as p; sys.modules['torch'] = None; p.TABLE = pathlib.Path({table!r}); "
MORE = "import archlang.ops; archlang.ops.__path__.append({folder!r}); "
CHECK = "sys.argv[1:] = ['check', {spec!r}]; from archlang.cli import main; sys.exit(main())"

SPEC = """
net generated{number}(classes=1000) {{
  input image: 3x224x224
  features: {{
    for i, depth in enumerate([2, 2, 3, 3, 3]) {{
      repeat depth {{ conv 3x3 (min(512, 64 * 2**i)) pad=1 -> batchnorm -> relu }}
      maxpool 2x2/2
    }}
  }}
  flatten
  classifier: {{ linear 4096 -> relu -> dropout -> linear 4096 -> relu -> dropout -> linear classes }}
  output
}}
"""

OPERATOR = '''
class Made{number}(Conv):
    """An operator that exists to be one of many: {number}."""

    word: ClassVar[str] = "made_{number}"
    scale{number}: float = 1.0
    other: tuple[int, ...] | int = 1
'''


def times_the_imports(folder: Path, more: str = "", tries: int = 9) -> float:
    """Return how many times its imports `archlang check` takes, whole processes, of a spec which no process has seen.

    Both find their bytecode where it was left, as an installed package does.
    """
    spec, table = folder / "generated.arch", folder / "grammar.table"
    spec.write_text(SPEC.format(number=len(str(folder))))
    table.write_bytes(compiled(GRAMMAR))
    variables = {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    code = READY.format(table=str(table)) + more + CHECK.format(spec=str(spec))
    check, base = of_program("-c", code, **variables), of_program("-c", BASE, **variables)
    check()  # it leaves the bytecode, as the next line does
    base()
    return ratio(check, base, tries)


def with_many_operators(folder: Path) -> float:
    """Return the same with 120 more operators."""
    more = folder / "more"
    more.mkdir()
    head = (
        "from __future__ import annotations\nfrom typing import ClassVar\nfrom archlang.ops.convolution import Conv\n"
    )
    for file in range(12):
        classes = "".join(OPERATOR.format(number=file * 10 + at) for at in range(10))
        (more / f"many{file}.py").write_text(head + classes)
    return times_the_imports(folder, MORE.format(folder=str(more)))


def main() -> None:
    for measure in (times_the_imports, with_many_operators):
        with TemporaryDirectory() as folder:
            sys.stdout.write(f"{measure.__name__}: {measure(Path(folder)):.2f}\n")


if __name__ == "__main__":
    main()
