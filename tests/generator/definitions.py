"""Blocks and nets: parameters, inputs, statements, outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archlang.ir import is_at
from archlang.shapes import TensorType
from tests.generator.nodes import Node, body_text, path_text, run
from tests.generator.scene import Scene, Scope, Stuck, Value, Values

if TYPE_CHECKING:
    from tests.generator.starts import Begun
    from tests.generator.tracing import Trace

OPEN = re.compile(r"([A-Z])=(\d+)")


@dataclass
class Port:
    """An input: of a net with its shape as written, of a block without one. `many` takes all that is left."""

    name: str
    written: str = ""
    type: TensorType | None = None
    many: bool = False


@dataclass
class Definition:
    """A block, or a net where `is_net`. A block without `inputs` has one, which is `it`."""

    name: str
    is_net: bool = False
    parameters: dict[str, str] = field(default_factory=dict[str, str])  # name -> its default as written
    inputs: list[Port] = field(default_factory=list[Port])
    body: list[Node] = field(default_factory=list[Node])
    given: list[str] = field(default_factory=list[str])  # outputs by path; none: the last value
    training: list[str] = field(default_factory=list[str])
    frozen: list[str] = field(default_factory=list[str])
    promises: list[str] = field(default_factory=list[str])
    known: Mapping[str, Definition] = field(default_factory=dict[str, "Definition"])
    lets: Mapping[str, Any] = field(default_factory=dict[str, Any])  # declarations that hide a word of the language

    def scene(self, types: tuple[TensorType, ...], arguments: Mapping[str, Any]) -> Scene:
        """Return the scene before the first statement, with values of these types as inputs."""
        scene = Scene(self.known, dict(self.lets), ())
        for name, text in self.parameters.items():
            value = arguments[name] if name in arguments else scene.evaluate(text)
            scene.names[name] = tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType]
        if not self.takes(len(types)):
            raise Stuck("another number of inputs")
        values = tuple(Value(type, -1 - at, self.below if not type.is_float else None) for at, type in enumerate(types))
        self.bind_inputs(values, scene)
        scene.it = values
        scene.made = {value.step: (value,) for value in values}
        return scene

    def bind_inputs(self, values: Values, scene: Scene) -> None:
        """Name the values that flow in: each input takes one value, or as many as the others leave."""
        left = list(values)
        for at, port in enumerate(self.inputs):
            count = len(left) - len(self.inputs[at + 1 :]) if port.many else 1
            taken = tuple(left.pop(0) for _ in range(count))
            if port.type is not None and port.type != taken[0].type:
                raise Stuck("another input")
            scene.bind(port.name, taken)
            if port.many:
                scene.tuples[port.name] = taken
            for number, value in enumerate(taken if port.many else ()):
                scene.bind(f"{port.name}[{number}]", (value,))

    def takes(self, count: int) -> bool:
        """Return whether this many values can flow in."""
        if any(port.many for port in self.inputs):
            return count >= len(self.inputs) - 1
        return count == max(len(self.inputs), 1)

    @property
    def below(self) -> int | None:
        """Whole numbers that flow into a net are below this one."""
        return 2 if self.is_net else None

    def outputs(
        self,
        types: tuple[TensorType, ...],
        arguments: Mapping[str, Any],
        defaults: tuple[tuple[str, Begun], ...] = (),
        trace: Trace | None = None,
    ) -> tuple[TensorType, ...]:
        """Return the types that it gives to its caller, whose `defaults` say how weights begin."""
        scene = self.scene(types, arguments)
        scene.defaults, scene.trace = defaults, trace
        if trace is not None:
            trace.enter(scene.it, self.frozen)
        run(self.body, scene)
        values = self.results(scene)
        if trace is not None:
            trace.leave(values)
        if set(scene.made) - scene.used - {value.step for value in values}:
            raise Stuck("a value is left over")
        if not {*self.frozen} <= {*scene.scope.layers, *scene.scope.steps}:
            raise Stuck("a step that is frozen is not there with these arguments")
        if not all(holds_its_ties(path, scene) for path in self.frozen):
            raise Stuck("with these arguments, a step that is frozen shares a weight of one that is not")
        return tuple(value.type for value in values)

    def results(self, scene: Scene) -> tuple[Value, ...]:
        """Return the values that it returns, after its statements are evaluated."""
        return tuple(value for path in self.given for value in scene.find(path)) if self.given else scene.it

    def text(self) -> str:
        parameters = ", ".join(f"{name}={default}" for name, default in self.parameters.items())
        head = f"{'net' if self.is_net else 'block'} {self.name}{f'({parameters})' if parameters else ''} {{"
        lines = [
            f"input {'*' * port.many}{port.name}" + (f": {port.written}" if port.written else "")
            for port in self.inputs
        ]
        lines += [body_text(self.body, "  ")] if self.body else []
        lines += [f"output {path_text(path)} when training" for path in self.training]
        lines += [f"freeze {', '.join(map(path_text, self.frozen))}"] if self.frozen else []
        if self.given or self.is_net:
            lines.append("output" + "".join(f" {', '.join(map(path_text, self.given))}" if self.given else ""))
        return "\n".join([head, *(f"  {line}" for line in [*lines, *self.promises]), "}"])


__all__ = ["Definition", "Port", "Scope"]


def holds_its_ties(path: str, scene: Scene) -> bool:
    """Return whether no step at a path has a weight of one that lies elsewhere, which would be frozen too."""
    return all(is_at(owner, path) for tied, owners in scene.scope.tied.items() if is_at(tied, path) for owner in owners)
