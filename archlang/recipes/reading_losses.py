"""Reads the line `loss`: a factor, a loss, the values that it compares, its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.session import Here
from archlang.recipes import losses
from archlang.recipes.arguments import Number
from archlang.recipes.binding import bound, fitting
from archlang.recipes.lines import Line
from archlang.recipes.own_loss import OwnLoss, own_loss
from archlang.recipes.phrases import first_word, found, named, setting_of
from archlang.recipes.recipe import LossTerm, Named


def loss_terms(lines: Sequence[Line]) -> tuple[LossTerm, ...]:
    """Read `loss`: the summands, each with the values that are written."""
    terms: list[LossTerm] = []
    for line in lines:
        item = setting_of(line)
        scale = 1.0
        name, arguments = _weighted(item)
        if item.factor is not None:
            value = fitting("the factor of a loss", Number(), item.factor, line.here)
            assert isinstance(value, (int, float))
            scale = float(value)
        values = tuple(named(one.value, line.here, "a loss") for one in arguments if one.name is None)
        own = own_loss(name, [one for one in arguments if one.name is not None], line.here)
        if name.text not in losses.LOSSES and own is not None:
            terms.append(_own_term(own, scale, values, name, arguments, line.here))
            continue
        kind = found(name, {word: one.known for word, one in losses.LOSSES.items()}, "loss", losses.ELSEWHERE)
        takes = losses.LOSSES[name.text].takes
        if len(values) > len(takes):
            message = f"`{name.text}` takes {len(takes)} values: {', '.join(takes)}"
            raise Mistake(Rejected("too-many-arguments", message), values[len(takes)].span)
        part = bound(name, kind, [one for one in arguments if one.name is not None], line.here)
        terms.append(LossTerm(part, scale, values))
    return tuple(terms)


def _own_term(
    own: OwnLoss, scale: float, values: tuple[Named, ...], name: s.Name, arguments: Sequence[s.Argument], here: Here
) -> LossTerm:
    """Return a summand that is an operator or a block: all its values are written."""
    if not values:
        message = f"`{name.text}` is a loss of your own: name what it compares, as in `loss {name.text} it label`"
        raise Mistake(Rejected("missing-argument", message), name.span)
    part = bound(name, losses.OWN.known, [one for one in arguments if one.name == "reduction"], here)
    return LossTerm(replace(part, arguments={**part.arguments, **own.arguments}), scale, values, own)


def _weighted(item: s.Setting) -> tuple[s.Name, Sequence[s.Argument]]:
    """Return the word of a loss and its arguments, behind a factor if there is one."""
    if item.factor is None:
        if item.steps:
            raise Mistake(Rejected("unknown-setting", "no arrow follows a loss"), item.steps[0].span)
        return first_word(item, item.arguments, "crossentropy")
    step = item.steps[0]
    if not isinstance(step.head, s.Name) or len(item.steps) > 1:
        raise Mistake(
            Rejected("unknown-setting", "a loss follows its factor: `loss 0.3 * crossentropy aux`"), step.span
        )
    return step.head, step.arguments
