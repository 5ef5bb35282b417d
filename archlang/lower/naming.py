"""The names of the source's classes and their arguments."""

from __future__ import annotations

import builtins
import keyword
import re
from itertools import chain, count
from typing import TYPE_CHECKING

from archlang.program import Region

if TYPE_CHECKING:
    from archlang.lower.classes import Class

_OURS = ("self", "super", "range", "nn", "torch")  # names that the source itself uses


def camel(name: str) -> str:
    """Return the class name of a block: `squeeze_excite` becomes `SqueezeExcite`."""
    joined = "".join(part[:1].upper() + part[1:] for part in re.split("[-_.]", name))
    return f"Net{joined}" if not joined.isidentifier() or keyword.iskeyword(joined) else joined


def class_name(owner: str, unit: Region) -> str:
    if unit.name is None:
        return camel(owner)
    return camel(unit.name) if not unit.name.isdigit() else camel(owner) + unit.name


def tell_apart(classes: list[Class], carried: set[str]) -> None:
    """Give each class one name. The simplest of several equal ones gets the plain name, others a key that it lacks.

    `carried` are the names that the sources of operators define. They and Python's own names are not used.
    """
    taken = {*carried, *vars(builtins)}
    net = classes[-1]
    net.name = _free(net.name, ["net"], taken)
    taken.add(net.name)
    for found in classes[:-1]:
        if len(found.instances) > 1 and found.region.name is not None:
            found.name = found.name.rstrip("0123456789") or found.name  # drops the number of braces that recur
    for found in sorted(classes[:-1], key=lambda one: len(_keys(one.region))):
        rival = next((one for one in classes if one is not found and one.name == found.name), None)
        plain = set(_keys(rival.region)) if rival else set[str]()
        own = [key for key in _keys(found.region) if key not in plain and not key.isdigit()]
        found.name = _free(found.name, own, taken)
        taken.add(found.name)


def _free(name: str, own: list[str], taken: set[str]) -> str:
    """Return the name; if it is taken, the name with the first key that only this class has, else with a number."""
    candidates = [name, *(name + camel(key.split(".")[0]) for key in own[:1])]
    candidates += [f"{name}{number}" for number in range(2, len(taken) + 3)]
    return next(candidate for candidate in candidates if candidate not in taken)


def _keys(found: Region) -> list[str]:
    return [f"{call.node.scope}.{call.name}".strip(".") for call in found.walk() if call.name is not None]


def argument_name(found: Class, column: list[object], name: str, hint: str, classes: set[str]) -> str:
    """Return the block's own parameter with these values; else torch's name, with the entry's key if that is taken.

    `classes` are the names of all classes, which no argument has.
    """
    arguments = [instance.block.arguments for instance in found.instances]
    taken = {*found.columns, *_OURS, *classes}
    own = (
        word
        for word in arguments[0]
        if all(row.get(word) == str(value) for row, value in zip(arguments, column, strict=True))
    )
    numbered = (f"{name}_{number}" for number in count(2))
    candidates = chain(own, [name, f"{hint}_{name}" if hint.isidentifier() else f"{name}_{hint}"], numbered)
    # within a class Python mangles names that begin with two underscores
    return next(
        word for word in candidates if word not in taken and not word.startswith("__") and not keyword.iskeyword(word)
    )
