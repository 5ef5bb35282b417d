"""The last lines of the net's constructor, which initialise the weights that torch's modules initialise otherwise.

The modules are visited in order, as in code written by hand. A condition names those that differ from others of their
class, and the class of all others. A seed gives the same weights as a module that is initialised in this way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from archlang.ir import Graph, Layer, Start
from archlang.lower.forward import WIDTH, module_paths
from archlang.ops.base import Module
from archlang.ops.fans import by_number
from archlang.ops.initialisers import filling
from archlang.program import Program

Starts = Mapping[str, Start]
_MAY_LACK = ("weight", "bias")  # torch stores None for a weight that a module does not have
_INDENT = " " * 12
_CONDITION = WIDTH - len(_INDENT) - len("elif :")


@dataclass(frozen=True)
class Owner:
    """A module that may hold weights: its path, its class if it is one of torch's own, which weights it has."""

    path: str
    kind: str
    weights: tuple[str, ...]
    starts: Starts


@dataclass
class _Rule:
    """The initial weights of the modules of a class. Some modules may lack the weights that are `optional`."""

    starts: dict[str, Start] = field(default_factory=dict[str, Start])
    optional: set[str] = field(default_factory=set[str])

    def holds(self, owner: Owner) -> bool:
        """Return whether a module starts with the weights of this rule."""
        lacking = self.starts.keys() - set(owner.weights)
        return lacking <= set(_MAY_LACK) and all(
            owner.starts.get(name) == self.starts.get(name) for name in owner.weights
        )


def starting(program: Program) -> list[str]:
    """Return the lines of the constructor that initialise weights; none if all begin as torch's modules do."""
    graph = program.graph
    if not any(node.starts for block in graph.blocks for node in block.nodes if node.kind == "op"):
        return []
    owners = list(_owners(graph))
    rules = {kind: _rule([owner for owner in owners if owner.kind == kind]) for kind in dict.fromkeys(_kinds(owners))}
    rules = {kind: rule for kind, rule in rules.items() if rule.starts}
    named = [owner for owner in owners if _is_named(owner, rules)]
    lines: list[str] = []
    paths = _paths(program, owners) if named else set[str]()
    for condition, starts, optional in (*_by_name(named, paths), *_by_class(rules)):
        lines.append(f"{_INDENT}{'elif' if lines else 'if'} {condition}:")
        lines += _fillings(starts, optional)
    loop = "name, module in self.named_modules()" if named else "module in self.modules()"
    return [f"        for {loop}:", *lines]


def _owners(graph: Graph) -> Iterator[Owner]:
    """Yield the modules of torch's classes, and others that hold weights. Nested modules are yielded separately."""
    for layer in graph.flat():
        call = layer.op.torch(*layer.input_types)
        if layer.reused or not isinstance(call, Module):
            continue
        held: dict[str, list[str]] = {"": []} if call.target.startswith("torch.nn.") else {}
        begun = begun_by_number(layer)
        for weight in layer.op.weights(*layer.input_types):
            if not weight.buffer:
                inner, _, name = weight.name.rpartition(".")
                held.setdefault(inner, []).append(name)
        for inner, names in held.items():
            prefix = f"{inner}." if inner else ""
            starts = {name: begun[prefix + name] for name in names if prefix + name in begun}
            kind = "" if inner or not call.target.startswith("torch.nn.") else call.target.removeprefix("torch.")
            yield Owner(".".join(filter(None, (layer.path, inner))), kind, tuple(names), starts)


def begun_by_number(layer: Layer) -> dict[str, Start]:
    """Return how the weights of a layer begin, by name; by a number where torch would read another fan."""
    found: dict[str, Start] = {}
    for weight in layer.op.weights(*layer.input_types):
        start = layer.node.starts.get(weight.name)
        if start is not None:
            word, values = by_number(start.word, start.values, weight.fans)
            found[weight.name] = Start(word=word, values=values)
    return found


def _paths(program: Program, owners: Sequence[Owner]) -> set[str]:
    """Return the paths of all modules: of layers, of what they hold, and of the scopes around them."""
    leaves = [*module_paths(program.root, program), *(owner.path for owner in owners)]
    parts = [path.split(".") for path in leaves]
    return {".".join(each[:count]) for each in parts for count in range(1, len(each) + 1)}


def _kinds(owners: Sequence[Owner]) -> Iterator[str]:
    return (owner.kind for owner in owners if owner.kind)


def _rule(owners: Sequence[Owner]) -> _Rule:
    """Return the initial weights of most modules of a class, extended by others that do not contradict them."""
    begun = (owner.starts for owner in owners if owner.weights)
    groups = Counter(tuple(sorted(starts.items(), key=lambda item: item[0])) for starts in begun)
    rule = _Rule()
    for at, (starts, _) in enumerate(groups.most_common()):
        wider = _Rule({**dict(starts), **rule.starts})
        followed = [owner for owner in owners if rule.starts and rule.holds(owner)]
        if at == 0 or (rule.starts and all(map(wider.holds, followed))):
            rule = wider
    holding = [owner for owner in owners if rule.holds(owner)]
    rule.optional = {name for name in rule.starts if any(name not in owner.weights for owner in holding)}
    return rule


def _is_named(owner: Owner, rules: Mapping[str, _Rule]) -> bool:
    """Return whether a condition must name the module. A class that is not torch's may be derived from any other."""
    if owner.kind:
        return not rules[owner.kind].holds(owner) if owner.kind in rules else bool(owner.starts)
    return bool(owner.starts) or (bool(rules) and "weight" in owner.weights)


# ---- conditions


def _by_name(named: Sequence[Owner], paths: set[str]) -> Iterator[tuple[str, Starts, set[str]]]:
    """Yield the conditions on names, with what holds for these modules."""
    groups: dict[object, list[Owner]] = {}
    for owner in named:
        groups.setdefault(tuple(sorted((name, str(start)) for name, start in owner.starts.items())), []).append(owner)
    for group in groups.values():
        yield _named(group, paths), group[0].starts, set()


def _named(group: Sequence[Owner], every: set[str]) -> str:
    """Return a condition on the name that holds only for these modules: the ends of their paths, or whole paths."""
    paths = {owner.path for owner in group}
    others = sorted(every - paths)
    ends: dict[str, None] = {}
    for path in sorted(paths):
        ends[_end(path, others)] = None
    short = f"name.endswith({_strings(list(ends))})"
    is_exact = not any(other.endswith(tuple(ends)) for other in others)
    if is_exact and len(ends) < len(paths) and len(short) <= _CONDITION:
        return short
    return f'name == "{group[0].path}"' if len(group) == 1 else f"name in {_strings([o.path for o in group])}"


def _end(path: str, others: Sequence[str]) -> str:
    """Return the shortest end of a path that no other path has."""
    parts = path.split(".")
    for count in range(1, len(parts)):
        end = "." + ".".join(parts[-count:])
        if not any(f".{other}".endswith(end) for other in others):
            return end
    return path


def _strings(texts: Sequence[str]) -> str:
    """Return strings as an argument: one, or a tuple over as many lines as it needs."""
    quoted = [f'"{text}"' for text in texts]
    if len(quoted) == 1:
        return quoted[0]
    line = f"({', '.join(quoted)})"
    if len(line) <= _CONDITION - len("name in "):
        return line
    inner = "".join(f"{_INDENT}    {text},\n" for text in quoted)
    return f"(\n{inner}{_INDENT})"


def _by_class(rules: Mapping[str, _Rule]) -> Iterator[tuple[str, Starts, set[str]]]:
    """Yield the conditions on classes; classes with the same initial weights share one."""
    shared: dict[object, list[str]] = {}
    for kind, rule in rules.items():
        alike = tuple(sorted((name, str(start)) for name, start in rule.starts.items()))
        shared.setdefault(alike, []).append(kind)
    for kinds in shared.values():
        classes = kinds[0] if len(kinds) == 1 else f"({', '.join(kinds)})"
        optional = set[str]().union(*(rules[kind].optional for kind in kinds))
        yield f"isinstance(module, {classes})", rules[kinds[0]].starts, optional


def _wrapped(pad: str, call: str) -> list[str]:
    """Return a call on one line, or with its arguments on a line of their own."""
    if len(pad) + len(call) <= WIDTH:
        return [f"{pad}{call}"]
    opening = ".copy_(" if ".copy_(" in call else "("
    name, _, arguments = call.partition(opening)
    return [f"{pad}{name}{opening}", f"{pad}    {arguments.removesuffix(')')}", f"{pad})"]


def _fillings(starts: Starts, optional: set[str]) -> list[str]:
    lines: list[str] = []
    for name in sorted(starts, key=lambda name: "bias" in name):
        call = filling(starts[name].word, starts[name].values, f"module.{name}")
        if name in optional:
            lines += [f"{_INDENT}    if module.{name} is not None:", *_wrapped(f"{_INDENT}        ", call)]
        else:
            lines += _wrapped(f"{_INDENT}    ", call)
    return lines or [f"{_INDENT}    pass  # as torch begins it"]
