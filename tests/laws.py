"""The laws: what an operator tells of itself, against torch. Each is a function of one case that the operator takes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from math import ceil, floor, prod
from typing import Any, TypeVar, cast
from weakref import ReferenceType, ref

import torch
from torch.utils.flop_counter import FlopCounterMode

from archlang.ir import Block, Graph, OpNode, Port
from archlang.ops.base import Expression, Module, Slide, Stored
from archlang.shapes import TensorType
from archlang.source import Span
from tests.cases import Case

Result = TypeVar("Result")

BATCH = 2
HERE = Span("by hand", 1, 1, 1, 2)


def _products_of_three(
    a: Sequence[int], b: Sequence[int], c: Sequence[int], *axes: Sequence[int], out_shape: object = None
) -> int:
    """What `_trilinear` computes: the products of three tensors, each with further axes of size 1, and their sum."""
    shapes = [list(a), list(b), list(c)]
    for shape, more in zip(shapes, axes, strict=False):
        for axis in more:
            shape.insert(axis, 1)
    products: int = prod(max(sizes) for sizes in zip(*shapes, strict=True))
    return 2 * products


UNKNOWN_TO_THE_COUNTER = {torch.ops.aten._trilinear: _products_of_three}


def called(case: Case) -> Callable[..., Any]:
    """The module that the operator names, in training mode, or a function for an expression."""
    told = case.op.torch(*case.types)
    assert not isinstance(told, Stored), "what a net holds itself is not called"
    if isinstance(told, Expression):
        names = [f"x{at}" for at in range(len(case.types))]
        text = told.template.replace("{all}", ", ".join(names))
        for at, name in enumerate(names):
            text = text.replace(f"{{{at}}}", name)
        function: Callable[..., Any] = eval(f"lambda {', '.join(names)}: {text}", {"torch": torch})  # noqa: S307
        return function
    module = built(told)
    if case.op.plain_loop:
        module.register_forward_pre_hook(_without_onednn)
        module.register_forward_hook(_with_onednn, always_call=True)
    return module


def _without_onednn(*_: object) -> None:
    torch.backends.mkldnn.set_flags(False)


def _with_onednn(*_: object) -> None:
    torch.backends.mkldnn.set_flags(True)


@contextmanager
def own_loops(graph: Graph) -> Generator[None]:
    """Within it a net runs without oneDNN where an operator tells of the loop that torch would run in its place."""
    if any(layer.op.plain_loop for layer in graph.flat()):
        _without_onednn()
    try:
        yield
    finally:
        _with_onednn()


def results(case: Case, inputs: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """What the operator gives, one value or several."""
    given = called(case)(*inputs)
    return (given,) if isinstance(given, torch.Tensor) else tuple(given)


def built(told: Module) -> torch.nn.Module:
    """The module, its arguments in order, the options that differ from torch's defaults by name."""
    package, _, name = told.target.rpartition(".")
    assert package == ("" if told.source else "torch.nn")
    kind: Callable[..., torch.nn.Module] = class_of(told.source, name) if told.source else getattr(torch.nn, name)
    options = {option: value for option, value, default in told.options if value != default}
    return kind(*(value for _, value in told.args), **options)


@cache
def class_of(source: str, name: str) -> type[torch.nn.Module]:
    """A class that an operator carries, where torch has none."""
    names: dict[str, Any] = {"torch": torch, "nn": torch.nn}
    exec(source, names)  # noqa: S102
    return cast("type[torch.nn.Module]", names[name])


def settings_of(module: torch.nn.Module) -> dict[str, object]:
    """What a module was built with: its own attributes that are no tensors, and the shapes of those that are."""
    own: dict[str, object] = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    return own | {name: tuple(value.shape) for name, value in module.state_dict().items()}


def inputs_of(case: Case) -> list[torch.Tensor]:
    """Random inputs of a case."""
    made = tensors(case.types, below=case.below)
    return [made[0], places_of(case)] if case.places and case.is_bounded else made


def places_of(case: Case) -> torch.Tensor:
    """Indices as a pool gives them, row by row: each value goes to the first place that is told to see it."""
    (y,), reach = case.op.outputs(*case.types), case.op.reach(*case.types).slides
    found = torch.zeros((), dtype=torch.int64)
    for axis, slide in reach.items():
        firsts = [next((to for to in range(y[axis]) if _sees(slide, to, at)), 0) for at in range(case.types[0][axis])]
        found = found[..., None] * y[axis] + torch.tensor(firsts)
    return found.expand(shape_of(case.types[0])).clone()


def _sees(slide: Slide, position: int, at: int) -> bool:
    first = position * slide.step - slide.before
    return first <= at <= first + slide.extent - 1


def tensors(types: Sequence[TensorType], batch: int = BATCH, below: int = 10) -> list[torch.Tensor]:
    """Random inputs of these types, from 0 to 1, or whole numbers from 0 on. Floats require a gradient."""
    made: list[torch.Tensor] = []
    generator = torch.Generator().manual_seed(0)
    for x in types:
        shape = shape_of(x, batch)
        dtype = getattr(torch, x.dtype)
        if x.is_float:
            made.append(torch.rand(shape, generator=generator, dtype=dtype, requires_grad=True))
        else:
            made.append(torch.randint(below, shape, generator=generator).to(dtype))
    return made


def shape_of(x: TensorType, batch: int = BATCH) -> tuple[int, ...]:
    return tuple(size * batch if axis == "n" else size for axis, size in zip(x.axes, x.shape, strict=True))


def graph_of(case: Case) -> Graph:
    """A net of this one operator."""
    outputs = case.op.outputs(*case.types)
    inside, outside = tuple(range(len(case.types))), tuple(range(len(case.types), len(case.types) + len(outputs)))
    node = OpNode(op=case.op, scope="", name=None if case.op.join else "0", inputs=inside, outputs=outside, span=HERE)
    root = Block(
        id="net",
        name="net",
        arguments={},
        inputs=tuple(Port(name=f"x{at}", value=at) for at in inside),
        outputs=tuple(Port(name=f"y{at}", value=at) for at in outside),
        types=(*case.types, *outputs),
        nodes=(node,),
        scopes=(),
        labels={},
    )
    return Graph(name="net", arguments={}, blocks=(root,))


def types_are_torchs(case: Case) -> None:
    given = results(case, inputs_of(case))
    told = case.op.outputs(*case.types)
    assert [(y.shape, y.dtype) for y in given] == [(shape_of(y), getattr(torch, y.dtype)) for y in told]


def weights_are_torchs(case: Case) -> None:
    module = called(case)
    told = case.op.weights(*case.types)
    if not isinstance(module, torch.nn.Module):
        assert told == ()
        return
    state = module.state_dict()
    assert {w.name: (w.shape, getattr(torch, w.dtype)) for w in told} == {
        key: (tuple(value.shape), value.dtype) for key, value in state.items()
    }
    assert {w.name for w in told if not w.buffer} == {name for name, _ in module.named_parameters()}
    assert case.op.params(*case.types) == sum(p.numel() for p in module.parameters())


def defaults_are_torchs(case: Case) -> None:
    """An option that has its default may be left out."""
    told = case.op.torch(*case.types)
    if not isinstance(told, Module):
        return
    without = settings_of(built(replace(told, options=())))
    for name, _, default in told.options:
        option = (name, default, object())  # an object is equal to no other, so that the option is written
        assert settings_of(built(replace(told, options=(option,)))) == without, name


def macs_are_torchs(case: Case) -> None:
    module = called(case)
    inputs = [x.to("meta") for x in inputs_of(case)]
    if isinstance(module, torch.nn.Module):
        module.to("meta").eval()  # in training a batch norm may read its count of batches, which meta tensors lack
    with FlopCounterMode(display=False, custom_mapping=UNKNOWN_TO_THE_COUNTER) as counter:
        module(*inputs)
    told = case.op.work(*case.types).over(BATCH, case.op.once(*case.types))
    assert told.macs * 2 == counter.get_total_flops()


@dataclass(eq=False)
class _Kept:
    """A tensor in the hands of autograd."""

    tensor: torch.Tensor


def kept_of(run: Callable[[], Result]) -> tuple[Result, list[torch.Tensor]]:
    """What a forward pass gives, and the tensors that are kept for the backward pass once it is done.

    What autograd has let go by then is not kept: no result depends on it. All tensors are held until then, so that no
    place in memory is used twice.
    """
    held: list[tuple[torch.Tensor, ReferenceType[_Kept]]] = []

    def keep(x: torch.Tensor) -> _Kept:
        one = _Kept(x.detach())  # the tensor itself would hold the graph that holds it, for good
        held.append((one.tensor, ref(one)))
        return one

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one.tensor):
        given = run()
    return given, [x for x, one in held if one() is not None]


def saved_bytes_are_torchs(case: Case) -> None:
    module = called(case)
    inputs = inputs_of(case)
    weights = list(module.state_dict(keep_vars=True).values()) if isinstance(module, torch.nn.Module) else []
    given, kept = kept_of(lambda: module(*inputs))
    del given
    lasting = {storage.data_ptr() for storage in map(torch.Tensor.untyped_storage, weights)}
    storages = {storage.data_ptr(): storage.nbytes() for storage in map(torch.Tensor.untyped_storage, kept)}
    assert told_bytes(case) == sum(size for at, size in storages.items() if at not in lasting)


def told_bytes(case: Case) -> int:
    """What the operator tells to be kept, each input and output once."""
    told = case.op.saved(*case.types)
    own = sum(s.bytes * (BATCH if s.per_image else 1) for s in told if s.what == "own")
    types = {"input": case.types, "output": case.op.outputs(*case.types)}
    kept = [types[what][at] for what, at in {(s.what, s.index) for s in told if s.what != "own"}]
    return own + sum(x.bytes * (BATCH if "n" in x.axes else 1) for x in kept)


def views_are_torchs(case: Case) -> None:
    inputs = inputs_of(case)
    places = [x.untyped_storage().data_ptr() for x in inputs]
    shares = {y.untyped_storage().data_ptr() in places for y in results(case, inputs)}
    assert shares == {case.op.view(*case.types)}


def reach_is_torchs(case: Case) -> None:
    """What an output position sees lies within what is told; where a window slides, it touches both ends of it."""
    for output in range(len(case.op.outputs(*case.types))):
        for at, x in enumerate(case.types):
            slides = case.op.reach(*case.types).between(at, output)
            if "n" in x.axes and (x.is_float or not case.places):  # a parameter has no positions
                for axis in {*x.axes, *slides} - {"n", *({"c"} - {*slides})}:
                    reach_along(case, at, output, axis)


def reach_along(case: Case, at: int, output: int, axis: str) -> None:
    x, y = case.types[at], case.op.outputs(*case.types)[output]
    slides = case.op.reach(*case.types).between(at, output)
    slide = slides.get(axis, Slide())
    moved = slide.axis or axis
    if axis not in slides and x[axis] == 1:
        slide = Slide(1, 0)  # it may be broadcast
    assert slide.step == 0 or moved in y.axes, f"{axis} is gone, and no step of 0 says so"
    border = getattr(case.op, "padding_mode", getattr(case.op, "mode", "zeros"))
    copies = border in ("reflect", "replicate", "circular")
    others = [other for other in slides if other != axis]
    # a window that sees padding alone, or falls with its holes on the input, sees nothing along any axis
    tight = axis in slides and axis != "c" and all(inside(slides[other], x, y, other) for other in others)
    # an index is the same where all that it chooses among grows alike
    tight = (
        tight
        and y.is_float
        and slide.step > 0
        and all(isinstance(n, int) for n in (slide.extent, slide.step, slide.before))
    )
    for position, seen in enumerate(influence(case, at, axis, output, moved)):
        first = position * slide.step - slide.before
        window = range(ceil(first), floor(first + slide.extent - 1) + 1)
        if copies and not (0 <= first and window[-1] < x[axis]):
            continue  # the border is made of values further in
        assert seen <= set(window)
        visible = set(window) & set(range(x[axis]))
        # a key that is alone in its softmax has weight 1, whatever it is
        alone = len(visible) == 1 and len(case.types) > 1 and not case.op.join
        ends = {*window[:1], *window[-1:]} & visible
        assert not tight or alone or ends <= seen or ends <= sloped(case, at, axis, output, moved, position)


def opened(case: Case) -> Callable[..., Any]:
    """What is called, in double precision, such that a rectifier inside is open and a tanh is not saturated."""
    module = called(case)
    if isinstance(module, torch.nn.Module):
        module.double().eval()
        for weight in module.parameters():
            weight.data.abs_().mul_(0.5)
    return module


def sloped(case: Case, at: int, axis: str, output: int, moved: str, position: int) -> set[int]:
    """Where a value along an axis has a gradient: what fades out from step to step leaves no difference."""
    module = opened(case)
    inputs = [x.detach().double().requires_grad_(x.is_floating_point()) for x in inputs_of(case)]
    along = case.op.outputs(*case.types)[output].axes.index(moved)
    (slope,) = torch.autograd.grad(_at(module(*inputs), output).select(along, position).sum(), inputs[at])
    return set(slope.movedim(case.types[at].axes.index(axis), 0).flatten(1).any(1).nonzero().flatten().tolist())


def inside(slide: Slide, x: TensorType, y: TensorType, axis: str) -> bool:
    """Whether some window lies wholly inside the input."""
    positions = y[slide.axis or axis] if (slide.axis or axis) in y.axes else 1
    firsts = [position * slide.step - slide.before for position in range(positions)]
    return any(first >= 0 and first + slide.extent <= x[axis] for first in firsts)


def influence(case: Case, at: int, axis: str, output: int = 0, moved: str = "") -> list[set[int]]:
    """Of each position of an output along an axis: at which positions of input `at` a change changes it.

    The output's axis is `moved` where that is another; all of the output is one position where it has none.
    """
    module = opened(case)
    table = getattr(case.op, "count", None)  # whole numbers that choose a row stay what they are
    kept = [table or (case.places and not x.is_float) for x in case.types]
    inputs = [x.detach() if whole else x.detach().double() for whole, x in zip(kept, inputs_of(case), strict=True)]
    along, y = case.types[at].axes.index(axis), case.op.outputs(*case.types)[output]
    made = moved or axis
    seen = [set[int]() for _ in range(y[made] if made in y.axes else 1)]
    before = _drawn_alike(module, inputs, output)
    for position in range(case.types[at][axis]):
        changed = inputs[at].clone()
        place = changed.select(along, position)
        place.copy_((place + 1) % table if table else place + 10)
        after = _drawn_alike(module, [*inputs[:at], changed, *inputs[at + 1 :]], output)
        # a weight of 0 may come out a rounding error beside it
        differs = ~before.isclose(after, rtol=0, atol=1e-9, equal_nan=True)
        rows = differs.movedim(y.axes.index(made), 0) if made in y.axes else differs[None]
        for index in rows.flatten(1).any(1).nonzero().flatten().tolist():
            seen[index].add(position)
    return seen


def _drawn_alike(module: Callable[..., Any], inputs: Sequence[torch.Tensor], output: int) -> torch.Tensor:
    """An output, with the same noise in each call where noise is drawn."""
    torch.manual_seed(0)
    return _at(module(*inputs), output)


def _at(given: torch.Tensor | Sequence[torch.Tensor], output: int) -> torch.Tensor:
    return given if isinstance(given, torch.Tensor) else given[output]


def json_comes_back(case: Case) -> None:
    graph = graph_of(case)
    text = graph.model_dump_json()
    assert Graph.model_validate_json(text) == graph
    assert Graph.model_validate_json(text).model_dump_json() == text


def lectures_formula_is_the_weights(case: Case) -> None:
    told = case.op.lecture(*case.types)
    if told is None:
        return
    weights = sum(w.count for w in case.op.weights(*case.types) if not w.buffer and w.name != "bias")
    formula = told.weights.replace("{input}", str(case.types[0]["c"]))
    assert weights == (prod(map(int, formula.replace("(", "").replace(")", "").split("*"))) if formula else 0)
    assert told.name.isprintable() and " " not in told.name


LAWS = [
    types_are_torchs,
    weights_are_torchs,
    defaults_are_torchs,
    macs_are_torchs,
    saved_bytes_are_torchs,
    views_are_torchs,
    reach_is_torchs,
    json_comes_back,
    lectures_formula_is_the_weights,
]
