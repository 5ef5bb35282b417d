"""The pages in docs/operators, made from the operators' classes: an index, a page for each family, PyTorch's names."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from archlang.ops import registry
from archlang.ops.base import Operator
from archlang.pages.family import family_page
from archlang.pages.markdown import escaped, link
from archlang.why.examples import signature
from archlang.why.notation import law_of

__all__ = ["families", "pages"]


def pages() -> dict[str, str]:
    """Return the index and the page of each family, as Markdown, by the name of its file."""
    found = families()
    made = {f"{name}.md": family_page(_title(ops), ops) for name, ops in found.items()}
    return {"README.md": "\n".join(_index(found)), **made}


def families() -> dict[str, list[type[Operator]]]:
    """Return the operators of this package by the file that they are in, without those that are statements."""
    found: dict[str, list[type[Operator]]] = {}
    for op in registry().values():
        package, _, family = op.__module__.rpartition(".")
        if package == "archlang.ops" and not op.declared:
            found.setdefault(family, []).append(op)
    return dict(sorted(found.items()))


def _title(ops: list[type[Operator]]) -> str:
    """Return the first line of a family's file."""
    return (sys.modules[ops[0].__module__].__doc__ or "").partition("\n")[0].rstrip(".")


def _index(found: Mapping[str, list[type[Operator]]]) -> Iterator[str]:
    count = sum(map(len, found.values()))
    yield "# Operators"
    yield ""
    yield f"The {count} operators of the language, by family. A page says what each operator computes. It shows its"
    yield "arguments with their defaults, its shapes and counts, examples with their calls of PyTorch, and a net that"
    yield "uses it. `archlang ops NAME` shows the same. These pages are generated from the operators' classes."
    yield ""
    yield "In the formulas `n` is the batch, `c` the channels, `d`, `h` and `w` are depth, height and width, `t` is the"
    yield "length of a sequence, and `k` a side of the window. An axis of the output has a prime: `h'`. A formula for"
    yield "`h'` holds for every axis that the window slides over. Shapes are written without the batch: `3x224x224`."
    yield ""
    yield "- [PyTorch's modules and functions](torch.md): which of them are operators here, and why the others are not"
    yield "- [an operator of your own](your-own.md)"
    for name, ops in found.items():
        yield from ("", f"## [{escaped(_title(ops))}]({name}.md)", "", "| operator | result |", "|---|---|")
        for op in ops:
            written = signature(op, named=False).removeprefix(op.word).replace("|", "\\|")
            rest = f" `{written.strip()}`" if written else ""
            yield f"| {link(op)}{rest} | {escaped(law_of(op).summary)} |"
    yield ""
