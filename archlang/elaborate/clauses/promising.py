"""The statement `expect`: promises about a net."""

from __future__ import annotations

from typing import Literal, cast

from archlang import ir
from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.clauses.fact_sums import has_fact, linear
from archlang.elaborate.evaluating.evaluate import evaluate
from archlang.elaborate.evaluating.flowing import path_of
from archlang.elaborate.state.kinds import Tensor, Value, kind
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.session import Here
from archlang.elaborate.vocabulary.suggest import did_you_mean
from archlang.shapes import Window


def run_expect(item: s.Expect, here: Here) -> None:
    """Record a promise for the pass that verifies it: the path, the fact, and the value promised."""
    if not here.builder.definition.is_net:
        message = "only a net can have `expect`, because a block has no size of its own"
        raise Mistake(Rejected("misplaced-expect", message), item.span)
    (path, fact), *more = _terms(item.subject, here)
    against, promised = _other_side(item, here)
    if against and any(one in ("shape", "receptive_field") for one in (fact, *(other for *_, other in against))):
        raise Mistake(Rejected("bad-promise", "only numbers are compared with facts, not shapes or windows"), item.span)
    if isinstance(promised, bool) or not isinstance(promised, (int, float, Window)):
        message = f"a promise must be a number or a shape like 256x56x56, not {kind(promised)}"
        raise Mistake(Rejected("bad-promise", message), item.promised.span)
    at = _settings(item, [fact, *(one for _, one in more), *(one for *_, one in against)], here)
    text = " + ".join(_told(*term) for term in [(path, fact), *more])
    _check_promise(item, text, fact, promised, here)
    here.builder.promise(
        ir.Promise(
            path=path,
            fact=fact,
            more=tuple(more),
            comparison=cast(Comparison, item.comparison),
            expected=tuple(promised) if isinstance(promised, Window) else promised,
            against=against,
            slack=_slack(item.promised) if item.comparison == "~" else 0.0,
            at=at,
            text=" ".join([text, *(["at"] if at else []), *(f"{name}={value}" for name, value in at.items())]),
            span=item.span,
        )
    )


_MEMORY = tuple(fact for fact in ir.FACTS if fact.startswith("memory."))
_SETTINGS = ("batch", "dtype", "optimizer", "autocast", "memory_format", "mode")
Comparison = Literal["==", "!=", "<", "<=", ">", ">=", "~"]
_FACTS_HELP = f"the facts are {', '.join(ir.FACTS)}; the shape of a step is compared by its label alone"


def _terms(node: s.Expression, here: Here) -> list[tuple[str, str]]:
    """Return the path and the fact of a promise, several if the promise adds up their numbers."""
    if isinstance(node, s.Sequence) and len(node.items) == 1 and not node.is_list:  # parentheses
        return _terms(node.items[0], here)
    if isinstance(node, s.Binary) and node.operator == "+":
        terms = [*_terms(node.left, here), *_terms(node.right, here)]
        if any(fact in ("shape", "receptive_field") for _, fact in terms):
            raise Mistake(Rejected("bad-promise", "only numbers can be added up, not shapes or windows"), node.span)
        return terms
    path = path_of(node, here)
    if not path:
        message = "this is not a path, a fact of one, or a sum of these"
        raise Mistake(Rejected("bad-promise", message, help=_FACTS_HELP), node.span)
    head, _, last = path.rpartition(".")
    if path.startswith("memory.") and path in ir.FACTS:
        return [("", path)]
    return [(head, last) if last in ir.FACTS else (path, "shape")]


def _other_side(item: s.Expect, here: Here) -> tuple[tuple[tuple[int, int, str, str], ...], Value]:
    """Return the facts on the other side, each with its factor, and the number or shape promised without them."""
    if not has_fact(item.promised, here):
        return (), _promised(item.promised, here)
    if item.comparison == "~":
        message = "`~` allows one unit of the last digit written, but this promise is made of facts"
        raise Mistake(Rejected("bad-promise", message, help="write `==`, or two promises with `<` and `>`"), item.span)
    found, number = linear(item.promised, here)
    terms: list[tuple[int, int, str, str]] = []
    for factor, node in found:
        ((path, fact),) = _terms(node, here)
        terms.append((factor.numerator, factor.denominator, path, fact))
    return tuple(terms), number.numerator if number.denominator == 1 else float(number)


def _settings(item: s.Expect, facts: list[str], here: Here) -> dict[str, int | str]:
    """Evaluate the settings after `at`: whole numbers, and words such as `bf16`."""
    if item.settings and any(fact not in _MEMORY for fact in facts):
        message = f"`at` says how the net runs; only {' and '.join(f'`{fact}`' for fact in _MEMORY)} depend on that"
        raise Mistake(Rejected("bad-promise", message), item.settings[0].span)
    found: dict[str, int | str] = {}
    for argument in item.settings:
        name, node = argument.name or "", argument.value
        if name not in _SETTINGS:
            message = f"`at` has no setting `{name}`, only {', '.join(_SETTINGS)}"
            raise Mistake(Rejected("bad-promise", message, help=did_you_mean(name, _SETTINGS)), argument.span)
        if name == "mode" and any(fact != "memory.peak" for fact in facts):
            message = f"`{facts[0]}` says the mode by its name; `mode` is for `memory.peak`"
            raise Mistake(Rejected("bad-promise", message), argument.span)
        if name in found:
            raise Mistake(Rejected("argument-twice", f"`{name}` is given twice"), argument.span)
        found[name] = _images(node, here) if name == "batch" else _word(name, node)
    return found


def _images(node: s.Expression, here: Here) -> int:
    value = evaluate(node, here)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise Mistake(Rejected("bad-promise", "`batch` is a whole number of images, 1 or more"), node.span)
    return value


def _word(name: str, node: s.Expression) -> str:
    if not isinstance(node, s.Name):
        raise Mistake(Rejected("bad-promise", f"`{name}` is a word, such as `bf16` or `adam`"), node.span)
    return node.text


def _told(path: str, fact: str) -> str:
    """Return a term as written: `conv1.macs`; `params` for the whole net; `conv1` for a shape."""
    return path if fact == "shape" else f"{path}.{fact}" if path else fact


def _promised(node: s.Expression, here: Here) -> Value:
    """Evaluate the number or shape that is promised. A list of sides is a shape."""
    value = evaluate(node, here)
    sides = [side for side in value if isinstance(side, int)] if isinstance(value, tuple) else []
    return Window(sides) if isinstance(value, tuple) and value and len(sides) == len(value) else value


def _check_promise(item: s.Expect, path: str, fact: str, promised: int | float | Window, here: Here) -> None:
    """Refuse a number where a shape is due, a shape where a number is due, and `<` or `>` between shapes."""
    if fact == "receptive_field":
        if isinstance(promised, Window) and item.comparison not in ("==", "!="):
            message = f"windows are compared by `==` and `!=`; `{item.comparison}` compares numbers"
            help = f"to compare every axis with a number, write `{path} {item.comparison} {max(promised, default=1)}`"
            raise Mistake(Rejected("bad-promise", message, help=help), item.span)
        return
    if fact != "shape":
        if isinstance(promised, Window):
            message = f"`{path}` is a number, but this is a shape"
            raise Mistake(Rejected("bad-promise", message), item.promised.span)
        return
    if not isinstance(promised, Window):
        last = path.rpartition(".")[2]
        value = here.scope.find(path)
        if isinstance(value, Tensor):
            message, help = f"`{path}` is a shape, but this is {kind(promised)}", f"its shape is {value.type}"
            raise Mistake(Rejected("bad-promise", message, help=help), item.promised.span)
        message, help = f"there is no fact called `{last}`", did_you_mean(last, ir.FACTS) or _FACTS_HELP
        raise Mistake(Rejected("bad-promise", message, help=help), item.subject.span)
    if item.comparison not in ("==", "!="):
        message = f"shapes are compared by `==` and `!=`; `{item.comparison}` compares numbers"
        raise Mistake(Rejected("bad-promise", message), item.span)


def _slack(node: s.Expression) -> float:
    """Return one unit of the last digit written."""
    match node:
        case s.Quantity(slack=slack):
            return slack
        case s.Literal(unit=unit):
            return unit
        case _:
            return 1.0
