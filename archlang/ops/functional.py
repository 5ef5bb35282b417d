"""Calls of torch.nn.functional, as expressions."""

from __future__ import annotations

from collections.abc import Sequence

from archlang.ops.answers import Expression


def functional(call: str, arguments: str, options: Sequence[tuple[str, object, object]] = ()) -> Expression:
    """Return a call of torch.nn.functional with these arguments, which name the inputs `{0}`, `{1}`.

    Options are triples of name, value and torch's default, as those of a `Module`; one with its default is not written.
    """
    given = "".join(f", {name}={value!r}".replace("'", '"') for name, value, default in options if value != default)
    return Expression(f"torch.nn.functional.{call}({arguments}{given})")
