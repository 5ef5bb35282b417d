"""An operator's example as a spec of its own.

An input is written as a shape without a batch, then its axes or its dtype unless they are the usual ones: `3x8x8`,
`16x8 n t c`, `16 int64`, `scalar int64`. A parameter is `1x1x8 param`.
"""

from __future__ import annotations

from archlang.ops.base import Example
from archlang.shapes import Window, input_type


def example_spec(example: Example) -> str:
    """Return a net that holds the example's step and declares its inputs."""
    inputs = [text.split() for text in example.inputs.split(", ")]
    if len(inputs) == 1 and "param" not in inputs[0]:
        lines = [*_declared("x", *inputs[0]), example.step]
    else:
        names = [f"x{at}" for at in range(1, len(inputs) + 1)]
        lines = [line for name, words in zip(names, inputs, strict=True) for line in _named(name, *words)]
        lines.sort(key=lambda line: not line.startswith("input"))  # inputs stand first
        lines.append(f"({', '.join(names)}) -> {example.step}")
    return "\n".join(["net example {", *(f"  {line}" for line in [*lines, "output"]), "}"])


def _declared(name: str, shape: str, *rest: str) -> list[str]:
    """Return the lines that declare an input, with a step that permutes or renames its axes if they differ."""
    if len(rest) < 2:
        return [f"input {name}: {_written(shape)}" + "".join(f" dtype={dtype}" for dtype in rest)]
    sizes = dict(zip(rest[1:], shape.split("x"), strict=True))
    first = input_type(tuple(map(int, sizes.values()))).axes[1:]
    if sorted(first) != sorted(rest[1:]):
        return [f"input {name}: {shape}", f'axes "{" ".join(rest)}"']
    return [f"input {name}: {Window(int(sizes[axis]) for axis in first)}", f'permute "{" ".join(rest)}"']


def _named(name: str, shape: str, *rest: str) -> list[str]:
    """Return the lines of a value that has a name."""
    if rest == ("param",):
        return [f"param {name}: {_written(shape)} init=normal"]
    if rest == ("buffer",):
        return [f"buffer {name}: {_written(shape)} init=zeros dtype=int64"]
    if len(rest) < 2:
        return _declared(name, shape, *rest)
    declared, turned = _declared(f"{name}_in", shape, *rest)
    return [declared, f"{name}_in -> {name}: {turned}"]


def _written(shape: str) -> str:
    return shape if "x" in shape else f"[{shape.removeprefix('scalar')}]"
