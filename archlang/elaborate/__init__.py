"""Turns a syntax tree into a Graph. One walk resolves names, loops and shapes; every mistake becomes a diagnostic."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from archlang import ir
from archlang import syntax as s
from archlang.collector import paused
from archlang.diagnostics import Diagnostic, Rejected
from archlang.elaborate.clauses.promising import run_expect
from archlang.elaborate.evaluating.block_parameters import assigned, bind_parameters, refuse_flowing
from archlang.elaborate.evaluating.evaluate import evaluate
from archlang.elaborate.state.builder import Builder
from archlang.elaborate.state.builtins import FUNCTIONS
from archlang.elaborate.state.declared_names import named
from archlang.elaborate.state.kinds import Given, all_shown
from archlang.elaborate.state.lookup import Lets, Scope, initial, is_known
from archlang.elaborate.state.mistakes import Mistake, Silent
from archlang.elaborate.state.session import Here, Meter, meter_of
from archlang.elaborate.steps.blocks import elaborate_block
from archlang.elaborate.steps.declared import mistakes_of
from archlang.elaborate.steps.known import known_of
from archlang.elaborate.steps.walk import run, too_deep
from archlang.elaborate.top_level import resolved, top_of
from archlang.elaborate.vocabulary.spelled import written
from archlang.ir.partial import drawing
from archlang.ops import is_built_in
from archlang.source import Span


@dataclass(frozen=True, slots=True)
class NetName:
    """A net that a file declares. It is `complete` if it can be built without further arguments."""

    name: str
    complete: bool
    span: Span


__all__ = [
    "Files", "Meter", "NetName", "check_declarations", "elaborate", "elaborate_partial", "is_known", "meter_of",
    "net_with", "nets", "notes", "top_of", "written",
]  # fmt: skip

Files = Mapping[str, s.File]  # what `use` may name, by the file's name


def nets(file: s.File, settings: Collection[str] = (), files: Files | None = None) -> list[NetName]:
    """Return the nets of a file in the order written. `settings` names parameters that are given from outside."""
    here = top_of(file, files)
    found: dict[str, NetName] = {}
    for declaration in file.declarations:
        if isinstance(declaration, s.Derived) or (isinstance(declaration, s.Definition) and declaration.is_net):
            name = declaration.name
            found.setdefault(name.text, NetName(name.text, _complete(name.text, settings, here), name.span))
    return list(found.values())


def _complete(name: str, settings: Collection[str], here: Here) -> bool:
    """Return whether every parameter has a value. A net with a mistake counts as complete, so that it gets reported."""
    try:
        definition, _, given, _ = resolved(name, here)
    except (Mistake, Silent, RecursionError):
        return True
    filled = {*given, *settings}
    return all(parameter.default is not None or parameter.name in filled for parameter in definition.parameters)


def elaborate(
    file: s.File,
    name: str,
    settings: Mapping[str, s.Expression] | None = None,
    files: Files | None = None,
    meter: Meter | None = None,
) -> tuple[ir.Graph | None, list[Diagnostic]]:
    """Return the Graph of the net of that name, and its diagnostics. `settings` replace arguments of the net.

    `meter` counts the steps of several nets together.
    """
    found, diagnostics = elaborate_partial(file, name, settings, files, meter)
    return found if isinstance(found, ir.Graph) else None, diagnostics


@paused()
def elaborate_partial(
    file: s.File,
    name: str,
    settings: Mapping[str, s.Expression] | None = None,
    files: Files | None = None,
    meter: Meter | None = None,
) -> tuple[ir.Graph | ir.PartialGraph | None, list[Diagnostic]]:
    """Return the same, and of a wrong net what is known of it, for pictures; None if nothing is."""
    here = top_of(file, files, meter)
    session = here.session
    try:
        return net_at(name, settings or {}, here), session.diagnostics
    except Mistake as mistake:
        session.report(mistake)
    except RecursionError:
        session.report(too_deep(next(declaration.span for declaration in file.declarations)))
    except Silent:
        pass
    return None, session.diagnostics


def check_declarations(file: s.File, files: Files | None = None) -> list[Diagnostic]:
    """Return the diagnostics of a file's declarations themselves, whichever net is built."""
    here = top_of(file, files)
    home = here.builder.home
    for one in here.session.files.values():
        for declaration in one.declarations:
            if isinstance(declaration, s.Definition):
                _add_mistakes(declaration, here)
    for name in list(home.later):
        home.declared(name)
    return here.session.diagnostics


def _add_mistakes(definition: s.Definition, here: Here) -> None:
    """Report the mistakes of a definition that do not depend on its arguments."""
    with suppress(RecursionError):  # the walk reports that the definition is nested too deeply
        for mistake in mistakes_of(definition):
            here.session.report(mistake)


def _hidden(name: str) -> str:
    """Return what a name means in the language if no file declares it; empty if it means nothing."""
    if is_built_in(name):
        return "operator"
    if name in FUNCTIONS:
        return "function"
    return "initialiser" if initial(name) is not None else ""


def notes(file: s.File, files: Files | None = None) -> list[Diagnostic]:
    """Return notes about declarations that have the name of an operator, a function or an initialiser.

    In the file, the declaration is meant.
    """
    found: list[Diagnostic] = []
    for one in {**(files or {}), file.name: file}.values():
        for declaration in one.declarations:
            if isinstance(declaration, (s.Use, s.Recipe)):
                continue  # the file that declares it has the note; no net names a recipe
            name, span = named(declaration)
            hidden = _hidden(name)
            if hidden:
                message = f"`{name}` means this declaration here, not the {hidden} of that name"
                found.append(Diagnostic("hides-an-operator", message, span, severity="note"))
    return found


def net_at(name: str, settings: Mapping[str, s.Expression], here: Here) -> ir.Graph | ir.PartialGraph:
    """Return the Graph of a net, with `settings` in the place of its own arguments; what is known of a wrong one."""
    given = [Given(word, evaluate(node, here), node.span, node.span) for word, node in settings.items()]
    return _net(name, given, here)


def net_with(name: str, settings: Sequence[Given], here: Here) -> ir.Graph | None:
    """Return the Graph of a net, with arguments in the place of its own; None if it has a mistake."""
    found = _net(name, settings, here)
    return found if isinstance(found, ir.Graph) else None


def _net(name: str, settings: Sequence[Given], here: Here) -> ir.Graph | ir.PartialGraph:
    session = here.session
    definition, home, given, promises = resolved(name, here)
    inside = Here(session, Builder(definition, home, trace=session.trace), Scope(), Lets({}))
    what = definition.name.text
    given = given | assigned(what, definition.parameters, settings, fixed=given)
    refuse_flowing(what, tuple(given.values()))
    span = next(found[0].name.span for found in [here.builder.home.net(name)] if found)
    bound = bind_parameters(what, definition.parameters, tuple(given.values()), span, inside, evaluate)
    try:
        made = elaborate_block(inside, bound, run)
    except Silent:  # the limit of steps or of mistakes is reached
        made = known_of(inside, bound)
    if promises is not None:
        inside.builder.drop_promises()
        _derived_promises(promises, inside)
    if made.block is None or session.diagnostics:
        return ir.PartialGraph(drawing(name, session.blocks, all_shown(bound)), tuple(session.diagnostics))
    # a promise holds for the net at its own parameters
    own = () if promises is None and name != what else tuple(inside.builder.promises)
    return ir.Graph(
        name=name,
        arguments=all_shown(bound),
        blocks=tuple(session.blocks),
        promises=() if settings else own,
        unchecked_promises=len(own) if settings else 0,
        open_sizes=_open_sizes(inside),
    )


def _open_sizes(here: Here) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return the open sizes of a net, each with the inputs and axes that have it."""
    builder = here.builder
    sizes = [parameter.name for parameter in builder.definition.parameters if parameter.open_size]
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in sizes}
    inputs = [item for item in builder.definition.body.items if isinstance(item, s.Input)]
    for item, port in zip(inputs, builder.inputs, strict=True):
        sides = item.shape.items if isinstance(item.shape, s.Sequence) else ()
        for side, axis in zip(sides, builder.contents.types[port.value].axes[1:], strict=False):
            name = side.name if isinstance(side, s.OpenSize) else side.text if isinstance(side, s.Name) else ""
            if name in found:
                found[name].append((port.name, axis))
    return {name: tuple(places) for name, places in found.items()}


def _derived_promises(body: s.Body, here: Here) -> None:
    for item in body.items:
        try:
            if not isinstance(item, (s.Expect, s.Broken)):
                message = "the braces of a derived net can only contain `expect`"
                raise Mistake(Rejected("misplaced-step", message), item.span)
            if isinstance(item, s.Expect):
                run_expect(item, here)
        except Mistake as mistake:
            here.session.report(mistake)
