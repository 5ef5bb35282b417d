"""A `forward` followed line by line, and compared with the region that it must compute."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from archlang.ir import Guard
from archlang.lower import folded, recompute
from archlang.lower.classes import Class, Classes
from archlang.lower.containers import name_of, overwriting
from archlang.lower.forward import size_check
from archlang.ops.base import Expression, Module
from archlang.program import Call, Entry, Region
from archlang.python_text import expression, replaced, statements


class SourceError(RuntimeError):
    """The emitted source is not what the Graph says. This is a mistake of archlang, never of a spec."""


@dataclass(frozen=True)
class Following:
    """A `forward` in one mode, and the region that it must compute: each instance of the class is followed."""

    found: Class
    region: Region
    made: Classes
    members: Mapping[str, str]
    training: bool

    def follow(self, function: ast.FunctionDef) -> None:
        """Follow the lines of the method; raises SourceError if they do not compute the region."""
        region = self.region
        names = [argument.arg for argument in function.args.args]
        expected = ["self", *map(_value, region.inputs), *map(self._reached, region.borrowed)]
        if len(names) != len(expected):  # no name stands twice: Python would not parse that
            raise self._wrong(f"takes {', '.join(names)}")
        bound: dict[str, ast.expr] = {name: ast.Name(token) for name, token in zip(names, expected, strict=True)}
        entries = [entry for entry in region.entries if entry.is_computed and self._runs(entry)]
        due = self._due(entries)
        for statement in self._after_checks(function.body, names[1:]):
            match statement:
                case ast.If(test=test, body=[ast.Raise()], orelse=[]) if due:
                    refused = ast.unparse(replaced(test, bound))
                    if refused != ast.unparse(expression(due.pop(0))):
                        raise self._wrong(f"refuses `{refused}`")
                case ast.Return(value=ast.expr() as value) if not due:
                    self._returned(value, bound, entries)
                    return
                case ast.Delete(targets=targets):
                    self._forget(map(ast.unparse, targets), bound)
                case ast.Assign(targets=[ast.Name() | ast.Tuple() as target], value=ast.Constant(None)):
                    self._bind(target, [ast.Constant(None)], bound)
                case ast.Assign(targets=[ast.Name() | ast.Tuple() as target], value=value):
                    given = replaced(value, bound)
                    if entries and not due and self._is(given, entries[0]):
                        self._step(target, entries.pop(0), bound)
                        due = self._due(entries)
                    else:  # the first part of a long chain of methods, or another name for a value
                        self._bind(target, [given], bound)
                case _:
                    raise self._wrong(f"has the statement `{ast.unparse(statement)}`")
        raise self._wrong("returns nothing")

    def _due(self, entries: list[Entry]) -> list[str]:
        """Return the conditions that refuse sizes before the next entry, or after the last.

        Entries that only rename a value are taken out: their line may be missing.
        """
        guards: list[Guard] = []
        while entries and entries[0].only_renames:
            guards += entries.pop(0).guards
        guards += self.region.guards if not entries else entries[0].guards if isinstance(entries[0], Call) else ()
        return [guard.opposite.text(self._token) for guard in guards]

    def _after_checks(self, body: list[ast.stmt], names: list[str]) -> Iterator[ast.stmt]:
        """Yield the statements that run in this mode, after those that refuse an input of another size."""
        checks = self.made.checks(self.found)
        inputs = dict(zip(self.region.inputs, names, strict=False))
        for fixed, statement in zip(checks, body, strict=False):
            expected = textwrap.dedent("\n".join(size_check(fixed, inputs[fixed.value])))
            if ast.unparse(statement) != ast.unparse(statements(expected)):
                raise self._wrong(f"does not check {fixed.name}")
        yield from self._statements(body[len(checks) :])

    def _runs(self, entry: Entry) -> bool:
        return self.training or not self.region.skips(entry)

    def _statements(self, body: list[ast.stmt]) -> Iterator[ast.stmt]:
        """Yield the statements that run in this mode; `y += x` as `y = y.add_(x)`, which it means for tensors."""
        for statement in body:
            if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add):
                added = ast.Call(ast.Attribute(statement.target, "add_"), [statement.value], [])
                yield ast.Assign([statement.target], added)
            elif isinstance(statement, ast.If) and ast.unparse(statement.test) == "self.training":
                yield from statement.body if self.training else statement.orelse
            else:
                yield statement

    def _returned(self, value: ast.expr, bound: Mapping[str, ast.expr], left: list[Entry]) -> None:
        region = self.region
        ports = region.block.outputs
        outputs = (
            [port.value for port in ports if self.training or not port.training]
            if region.name is None
            else region.outputs
        )
        expected = ", ".join(map(self._token, outputs))
        given = ast.unparse(replaced(value, bound)).removeprefix("(").removesuffix(")")
        if left or given != expected:
            raise self._wrong(f"returns {given or 'nothing'} where the region gives {expected}, {len(left)} steps left")

    def _forget(self, names: Iterable[str], bound: dict[str, ast.expr]) -> None:
        """Delete names. A later line that reads one of them computes no entry."""
        for name in names:
            if name not in bound:
                raise self._wrong(f"deletes {name}, which it has not bound")
            del bound[name]

    def _step(self, target: ast.expr, entry: Entry, bound: dict[str, ast.expr]) -> None:
        """Bind the results of an entry. What it overwrites has no name any more, so that no later line reads it."""
        if entry.in_place is not None:
            over = self._token(entry.inputs[entry.in_place])
            self._forget([name for name, value in bound.items() if over in _names(value)], bound)
        self._bind(target, [ast.Name(_value(value)) for value in entry.outputs], bound)

    def _bind(self, target: ast.expr, values: Sequence[ast.expr], bound: dict[str, ast.expr]) -> None:
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        if len(names) != len(values):
            raise self._wrong(f"binds {ast.unparse(target)} to {len(values)} values")
        for name, value in zip(names, values, strict=True):
            assert isinstance(name, ast.Name)
            bound[name.id] = value

    def _is(self, given: ast.expr, entry: Entry) -> bool:
        """Return whether an expression computes an entry."""
        if isinstance(entry, Call) and isinstance(entry.torch, Expression):
            text = entry.torch.template.replace("{all}", ", ".join(map(self._token, entry.inputs)))
            for at, value in enumerate(entry.reads):
                text = text.replace(f"{{{at}}}", self._token(value))
            return ast.unparse(given) == ast.unparse(expression(text))
        if not isinstance(given, ast.Call) or given.keywords:
            return False
        if isinstance(entry, Call) and entry.recomputed:
            if ast.unparse(given.func) != recompute.FUNCTION or not given.args:
                return False
            given = ast.Call(given.args[0], given.args[1:], [])
            if entry.run:
                module = self._last_of_run(given.func, entry)
                if module is None:
                    return False
                given.func = module
        if isinstance(entry, Call) and entry.convolution is not None:
            is_folded = ast.unparse(given.func) == folded.FUNCTION and len(given.args) > 1
            if not is_folded or not self._is_callee(given.args[0], entry.convolution):
                return False
            given = ast.Call(given.args[1], given.args[2:], [])
        lent = entry.borrowed if isinstance(entry, Region) else ()
        expected = [*map(self._token, entry.inputs), *(self._reached(path) for path in lent)]
        return [ast.unparse(argument) for argument in given.args] == expected and self._is_callee(given.func, entry)

    def _last_of_run(self, given: ast.expr, call: Call) -> ast.expr | None:
        """Return the last module of a run; None if it is not written with those before it, in their order."""
        if not isinstance(given, ast.Call) or ast.unparse(given.func) != "nn.Sequential" or given.keywords:
            return None
        *modules, last = given.args
        is_run = len(modules) == len(call.run) and all(map(self._is_callee, modules, call.run))
        return last if is_run else None

    def _is_callee(self, callee: ast.expr, entry: Entry) -> bool:
        if isinstance(entry, Call) and entry.module is not None:
            return ast.unparse(callee) == self._reached(entry.module)
        name = name_of(callee)
        if name is None:
            return False
        is_shared = isinstance(entry, Call) and str(entry.name).isdigit() and entry.is_stateless
        return (is_shared or name == entry.name) and self.members.get(name) == self._constructor(entry)

    def _constructor(self, entry: Entry) -> str:
        """Return the constructor call of an entry's module."""
        made = self.made.of(entry)
        if made is not None:
            return made.name
        if isinstance(entry, Region):
            return "nn.Sequential"
        assert isinstance(entry.torch, Module)
        target = entry.torch.target
        name = target.removeprefix("torch.") if target.startswith("torch.nn.") else target
        return name if entry.in_place is None else overwriting(name)

    def _reached(self, path: str) -> str:
        """Return the expression for a module that is applied again: an argument of `forward`, or the region's own."""
        region = self.region
        if path in region.borrowed:
            return f"ð{region.borrowed.index(path)}"
        below = path[len(region.path) + 1 :] if region.path else path
        is_attributes = all(part.isidentifier() for part in below.split("."))
        return f"self.{below}" if is_attributes else f"self.get_submodule({below!r})"

    def _token(self, value: int) -> str:
        return self._others.get(value) or _value(value)

    @cached_property
    def _others(self) -> dict[int, str]:
        """The values that no step computes: stored by the module, only renamed, or in evaluation those of training."""
        found: dict[int, str] = {}
        for entry in self.region.entries:
            if not entry.is_computed:
                found |= dict.fromkeys(entry.outputs, f"self.{entry.name}")
            elif not self._runs(entry):
                found |= dict.fromkeys(entry.outputs, "None")
            elif entry.only_renames:
                found[entry.outputs[0]] = found.get(entry.inputs[0]) or _value(entry.inputs[0])
        return found

    def _wrong(self, what: str) -> SourceError:
        mode = "training" if self.training else "evaluation"
        return SourceError(f"the `forward` of {self.found.name}, in {mode}, {what}")


def _names(value: ast.expr) -> set[str]:
    return {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}


def _value(value: int) -> str:
    """Return the name of a value in compared expressions, with a letter that no label can have."""
    return f"ø{value}"
