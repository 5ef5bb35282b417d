"""What stands at the top of a file: nets, blocks, derived nets, values. Each is evaluated when it is first needed."""

from __future__ import annotations

from collections.abc import Callable

from archlang import syntax as s
from archlang.diagnostics import Label, Rejected
from archlang.elaborate.builder import Builder, Here, Lets, Scope, Session
from archlang.elaborate.expressions import evaluate
from archlang.elaborate.functions import givens
from archlang.elaborate.parameters import assigned
from archlang.elaborate.steps import too_deep
from archlang.elaborate.suggest import did_you_mean
from archlang.elaborate.values import UNKNOWN, BlockValue, Function, Given, Mistake, Silent, Value
from archlang.ops import registry
from archlang.source import Span


def top_of(file: s.File) -> Here:
    """The place of top-level expressions: no block, no values. What the file declares is known to its session."""
    nowhere = Span(file.name, 1, 1, 1, 1)
    empty = s.Definition(s.Name("", nowhere), (), s.Body((), nowhere), True, nowhere)
    here = Here(Session(file.broken, {}), Builder(empty), Scope(), Lets({}))
    places: dict[str, Span] = {}
    for declaration in file.declarations:
        name, span = _named(declaration)
        if name in places:
            labels = (Label(places[name], "the first one"),)
            message = f"`{name}` is declared twice"
            here.session.report(Mistake(Rejected("duplicate-declaration", message), span, labels))
            continue
        if name in registry() or name == "it":
            what = "an operator" if name in registry() else "the value that flows"
            message = f"`{name}` is {what}; a declaration needs a name of its own"
            here.session.report(Mistake(Rejected("name-taken", message), span))
        places[name] = span
        sound = _check_parameters(declaration, here)
        here.session.later[name] = _maker(declaration, here) if sound else lambda: UNKNOWN
        if not isinstance(declaration, s.Let):
            here.session.nets[name] = declaration
    return here


def _named(declaration: s.Declaration) -> tuple[str, Span]:
    if isinstance(declaration, s.Let):
        return declaration.name, declaration.span
    return declaration.name.text, declaration.name.span


def _check_parameters(declaration: s.Declaration, here: Here) -> bool:
    """Whether no parameters share a name and none is called `it`; that is refused."""
    told = len(here.session.diagnostics)
    places: dict[str, Span] = {}
    for parameter in (not isinstance(declaration, s.Derived) and declaration.parameters) or ():
        if parameter.name in places or parameter.name == "it":
            message = f"`{parameter.name}` is a parameter already"
            if parameter.name == "it":
                message = "`it` is the value that flows; no parameter can be called that"
            here.session.report(Mistake(Rejected("name-taken", message), parameter.span))
        places[parameter.name] = parameter.span
    return len(here.session.diagnostics) == told


def _maker(declaration: s.Declaration, here: Here) -> Callable[[], Value]:
    """How the value of a declaration is made; what is wrong with it is reported, and its value then unknown."""

    def make() -> Value:
        match declaration:
            case s.Definition():
                return BlockValue(declaration)
            case s.Derived(name=name):
                definition, given, _ = resolved(name.text, here)
                return BlockValue(definition, tuple(given.values()))
            case s.Let(parameters=None):
                return evaluate(declaration.value, here)
            case s.Let():
                return Function(declaration.name, declaration, here)

    def reported() -> Value:
        try:
            return make()
        except RecursionError:
            here.session.report(too_deep(_named(declaration)[1]))
        except (Mistake, Silent) as stop:
            if isinstance(stop, Mistake):
                here.session.report(stop)
        return UNKNOWN

    return reported


def resolved(name: str, here: Here) -> tuple[s.Definition, dict[str, Given], s.Body | None]:
    """The net that a name stands for: its definition, the arguments fixed on the way, the body with its promises."""
    declared = here.session.nets
    chain: list[s.Derived] = []
    current = declared.get(name)
    while isinstance(current, s.Derived):
        if current in chain:
            first = min(chain[chain.index(current) :], key=lambda derived: derived.span.line)
            message = f"`{first.name.text}` is derived from itself"
            raise Mistake(Rejected("endless-recursion", message), first.base.span)
        chain.append(current)
        base = declared.get(current.base.text)
        if base is None:
            raise _unknown_base(current, list(declared), here)
        current = base
    if current is None:
        raise Silent  # the net did not parse, which is reported
    if chain and not current.is_net:
        raise Mistake(Rejected("not-a-net", f"`{current.name.text}` is a block, not a net"), chain[-1].base.span)
    given: dict[str, Given] = {}
    for derived in reversed(chain):
        given |= assigned(current.name.text, current.parameters, givens(derived.arguments, here), fixed=given)
    return current, given, chain[0].body if chain else None


def _unknown_base(derived: s.Derived, names: list[str], here: Here) -> Exception:
    if derived.base.text in here.session.broken:
        return Silent()
    message = f"there is no net called `{derived.base.text}`"
    return Mistake(Rejected("unknown-name", message, help=did_you_mean(derived.base.text, names)), derived.base.span)
