"""A whole file, drawn: its blocks and its nets, of which the last one is tested."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from archlang.diagnostics import Rejected
from archlang.shapes import input_type
from tests.generator import labels
from tests.generator.calls import parameters
from tests.generator.chains import chain
from tests.generator.definitions import Definition, Port
from tests.generator.draws import Draws
from tests.generator.featured import featured_step
from tests.generator.growing import Grower
from tests.generator.lets import declared, hiding
from tests.generator.nodes import Apply, Pick, run
from tests.generator.scene import Scene, Stuck
from tests.generator.sharing import freeze
from tests.generator.starts import default
from tests.generator.steps import words
from tests.generator.structures import within
from tests.generator.tracing import Trace

SHAPES = ("3x6x6", "2x5x4", "4x7x7", "1x8x8", "6x4", "4x9", "[6]", "[9]", "2x4x4x3", "4x6x6", "8x4x4", "2x12x12")
TRIES = 50


@dataclass
class Program:
    """The declarations of a file, the net's own last."""

    definitions: list[Definition]
    given: dict[str, str] = field(default_factory=dict[str, str])  # arguments of the net that is derived from the last
    lets: dict[str, Any] = field(default_factory=dict[str, Any])  # those that hide an operator or a function

    def text(self) -> str:
        texts = [definition.text() for definition in self.definitions]
        arguments = " ".join(f"{name}={text}" for name, text in self.given.items())
        last = [f"net derived = {self.definitions[-1].name} {arguments} {{\n}}\n"] if self.given else []
        return "\n".join([*declared(texts, self.lets), *(f"{text}\n" for text in texts), *last])

    def traced(self) -> tuple[Trace, list[tuple[int, bool]]]:
        """Return what the net computes, and its outputs: the number of each, and whether it is of training alone."""
        net, trace = self.definitions[-1], Trace()
        scene = net.scene(tuple(port.type for port in net.inputs if port.type), _evaluated(net, self.given))
        scene.trace = trace
        trace.enter(scene.it, net.frozen)
        run(net.body, scene)
        trace.leave(net.results(scene))
        outputs = [(number, False) for number in trace.leaving]
        trace.leave(tuple(value for path in net.training for value in scene.find(path)))
        return trace, outputs + [(number, True) for number in trace.leaving]


def program(seed: int, number: int) -> Program:
    """Return the file of this seed and number."""
    for attempt in range(TRIES):
        try:
            return _drawn(Draws(seed, number * TRIES + attempt), number)
        except (Stuck, Rejected):
            continue
    raise AssertionError(f"no net came of {TRIES} tries: seed {seed}, number {number}")


def _drawn(draws: Draws, number: int) -> Program:
    every = words()
    grower = Grower(draws, word=every[number % len(every)], lets=hiding(draws))
    net = Definition("tried", is_net=True, known=grower.known, lets=grower.lets)
    values = parameters(net, draws)
    net.inputs = _inputs(draws)
    types = tuple(port.type for port in net.inputs if port.type)
    scene = net.scene(types, {})
    if len(net.inputs) > 1:
        net.body.append(Pick((draws.one(net.inputs).name,)))
        run(net.body, scene)
    if draws.chance(15):
        net.body += default(grower, scene, 1)
    if draws.chance(8):
        net.body += chain(grower, scene, 1)
    else:
        net.body += grower.tried(scene, featured_step, 1) if draws.chance(50) else []
        net.body += grower.body(scene, 2 + draws.below(8))
    _finish(grower, net, scene)
    freeze(grower, net, scene, 30)
    _refuse_hidden([*grower.known.values(), net])
    if values:
        net.outputs(types, _evaluated(net, values))  # the net that is derived is checked, and not this one
    return Program([*grower.known.values(), net], values, grower.lets)


def _refuse_hidden(definitions: list[Definition]) -> None:
    """Raise Stuck if a file applies an operator that one of its declarations hides, above it or below."""
    declared = {definition.name for definition in definitions}
    for definition in definitions:
        for body in within(definition.body):
            if any(isinstance(node, Apply) and node.op.word in declared for node in body):
                raise Stuck("a declaration hides the operator")


def _inputs(draws: Draws) -> list[Port]:
    """Return an image or two, or words; sizes may be left open."""
    ports: list[Port] = []
    for name in ("image", "x", "y", "z")[: 1 + draws.chance(20)]:
        shape = draws.one(SHAPES)
        sizes = tuple(map(int, shape.strip("[]").split("x")))
        if not ports and len(sizes) == 3 and draws.chance(40):
            shape = draws.one(("[{}, H={}, W={}]", "[{}, {}, W={}]", "[{}, H={}, {}]")).format(*sizes)
        ports.append(Port(name, shape, input_type(sizes)))
    if draws.chance(20):
        size, dtype = 1 + draws.below(6), draws.one(("int64", "int64", "int32"))
        ports.append(Port("words", f"[{size}] dtype={dtype}", input_type((size,), dtype)))
    return ports


def _evaluated(net: Definition, given: dict[str, str]) -> dict[str, Any]:
    scene = Scene({}, dict(net.lets), ())
    return {name: scene.evaluate(text) for name, text in given.items()}


def _finish(grower: Grower, net: Definition, scene: Scene) -> None:
    """Add the outputs: the value that flows, and all values that nothing uses."""
    draws = grower.draws
    if draws.chance(40):
        net.body += grower.settled(scene, set())
    left = grower.left(scene, set())
    if None in left:
        raise Stuck("a value without a name is left over")
    paths = [path for path in left if path is not None]
    if not paths and len(scene.it) == 1:
        return
    named = {id(value) for values in scene.visible().values() for value in values}
    if len(scene.it) != 1:
        raise Stuck("several values flow")
    if id(scene.it[0]) not in named:
        node = Pick(("it",), labels.label(scene, draws), joint=" -> ")
        run([node], scene)
        net.body.append(node)
    own = next(path for path, values in scene.visible().items() if values == scene.it)
    order = [own, *paths]
    net.given = order
    if paths and draws.chance(30):
        net.given, net.training = order[:-1], order[-1:]
