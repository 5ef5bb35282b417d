"""Which of torch.nn's modules and functions are operators here, under which word, and why the others are not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from archlang.ops.base import Expression, Module, Operator
from archlang.pages import families
from archlang.pages.markdown import code, link, table
from archlang.pages.reasons import FUNCTIONS, MODULES
from archlang.why.examples import applied

_CALLED = re.compile(r"(?:torch\.)?nn\.functional\.(\w+)\(")


class Unexplained(Exception):
    """A name of torch's has neither a word here nor a reason, or a reason that has gone stale."""


def torch_page(version: str, modules: Iterable[str], functions: Iterable[str]) -> str:
    """Return the table of torch's names, as Markdown, from the names of torch.nn's modules and functions.

    Raises Unexplained for a name that is no operator here and has no reason, and for a reason that has gone stale: its
    name is an operator's now, or is none of torch's.
    """
    operators = operators_by_name()
    lines = [
        "# PyTorch's modules and functions",
        "",
        "[All operators](README.md)",
        "",
        f"Each module of `torch.nn` and each function of `torch.nn.functional` in PyTorch {version}: the operator that",
        "it is here, or why there is none. An operator takes the number of axes from its input, so that one word",
        "stands for the modules of one, two and three dimensions. The table is generated.",
        "",
        "## torch.nn",
        "",
        *table(("module", "here"), _rows(modules, operators, MODULES)),
        "",
        "## torch.nn.functional",
        "",
        *table(("function", "here"), _rows(functions, operators, FUNCTIONS)),
        "",
    ]
    return "\n".join(lines)


def operators_by_name() -> dict[str, list[type[Operator]]]:
    """Return the operators by every name that torch may have for them: in their examples, `elsewhere`, their word."""
    found: dict[str, list[type[Operator]]] = {}
    for ops in families().values():
        for op in ops:
            for name in dict.fromkeys(map(_plain, _names(op))):
                found.setdefault(name, []).append(op)
    return found


def _names(op: type[Operator]) -> Iterator[str]:
    yield from (op.word, *op.elsewhere)
    for example in op.examples:
        layer = applied(example)
        call = layer.op.torch(*layer.input_types)
        if isinstance(call, Module) and call.target.startswith("torch.nn."):
            yield call.target.rpartition(".")[2]
        elif isinstance(call, Expression) and (called := _CALLED.match(call.template)):
            yield called[1]


def _plain(name: str) -> str:
    """Return the common form of `Conv2d`, `conv3d` and `conv_2d`. The `_` of in-place functions is removed."""
    return re.sub(r"[123]d$", "#d", name.lower().replace("_", ""))


def _rows(
    names: Iterable[str], operators: Mapping[str, list[type[Operator]]], reasons: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    names = sorted(names, key=str.lower)
    here = {name: operators.get(_plain(name), []) for name in names}
    missing = [name for name in names if not here[name] and name not in reasons]
    stale = [name for name in reasons if here.get(name) != []]
    if missing or stale:
        raise Unexplained(f"archlang/pages/reasons.py: no reason for {missing}; stale reasons for {stale}")
    for name in names:
        yield code(name), ", ".join(map(link, here[name])) or reasons[name]
