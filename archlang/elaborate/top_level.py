"""The declarations of a file: nets, blocks, derived nets, values. Each is evaluated when it is first needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.evaluating.block_parameters import assigned
from archlang.elaborate.evaluating.evaluate import evaluate, givens
from archlang.elaborate.state.builder import Builder
from archlang.elaborate.state.declared_names import Declared, Named, declared_in
from archlang.elaborate.state.kinds import UNKNOWN, BlockValue, Function, Given, RecipeValue, Value
from archlang.elaborate.state.lookup import Home, Later, Lets, Scope
from archlang.elaborate.state.mistakes import Mistake, Silent
from archlang.elaborate.state.session import Here, Meter, Session, meter_of
from archlang.elaborate.steps.walk import too_deep
from archlang.elaborate.vocabulary.suggest import did_you_mean
from archlang.shipped import shipped_help
from archlang.source import Span, path_from


def top_of(file: s.File, files: Mapping[str, s.File] | None = None, meter: Meter | None = None) -> Here:
    """Return the place of top-level expressions, without a block or values. The file's declarations are in its home.

    `files` has the files that `use` may name, keyed by `path_from`. `meter` counts the steps.
    """
    known = {**(files or {}), file.name: file}
    return _top(file, Session(known, meter or meter_of(known.values())))


def _top(file: s.File, session: Session) -> Here:
    nowhere = Span(file.name, 1, 1, 1, 1)
    empty = s.Definition(s.Name("", nowhere), (), s.Body((), nowhere), True, nowhere)
    home = session.homes[file.name] = Home(file.name, file.broken)
    here = Here(session, Builder(empty, home), Scope(), Lets({}))
    names = declared_in(file)
    home.nets, home.recipes = names.nets, names.recipes
    home.later = Later(names.places, lambda name: _maker_of(name, names, here)())
    for mistake in names.mistakes:
        session.report(mistake)
    for name, (_, use) in names.used.items():
        home.used[name] = _home_of(use, home, session)
    return here


def _maker_of(name: str, names: Declared, here: Here) -> Callable[[], Value]:
    """Return a function that evaluates what a file declares, or uses, by this name."""
    if name in names.used:
        used, use = names.used[name]
        return _reported(partial(_used, used, use, here), used.span, here)
    return _maker(names.values[name], names.places[name], here) if name in names.values else lambda: UNKNOWN


# ---- names of other files


def _home_of(use: s.Use, home: Home, session: Session) -> Home | None:
    """Return the home of the file that a `use` names; None if it could not be read, which is already reported."""
    path = use.file or path_from(home.file, use.path)
    if path not in session.files:
        return None
    return session.homes.get(path) or _top(session.files[path], session).builder.home


def _used(name: s.Name, use: s.Use, here: Here) -> Value:
    """Return the value of a name that another file declares."""
    other = here.builder.home.used[name.text]
    if other is None or name.text in other.broken:
        raise Silent
    if name.text in other.used:
        message = f"`{use.path}` does not declare `{name.text}`, it uses that of another file"
        raise Mistake(Rejected("unknown-name", message, help="use it from the file that declares it"), name.span)
    try:
        value = other.declared(name.text)
    except Rejected as rejected:
        raise Mistake(rejected, name.span) from None
    if value is None:
        help = did_you_mean(name.text, other.declarations())
        raise Mistake(Rejected("unknown-name", f"`{use.path}` declares no `{name.text}`", help=help), name.span)
    if value is UNKNOWN:
        raise Silent
    return value


# ---- declarations


def _maker(declaration: Named, span: Span, here: Here) -> Callable[[], Value]:
    """Return a function that evaluates a declaration."""

    def make() -> Value:
        match declaration:
            case s.Definition():
                return BlockValue(declaration, here.builder.home)
            case s.Derived(name=name):
                definition, home, given, _ = resolved(name.text, here)
                return BlockValue(definition, home, tuple(given.values()))
            case s.Recipe():
                return RecipeValue(declaration, here.builder.home)
            case s.Let(parameters=None):
                return evaluate(declaration.value, here)
            case s.Let():
                return Function(declaration.name, declaration, here)

    return _reported(make, span, here)


def _reported(make: Callable[[], Value], span: Span, here: Here) -> Callable[[], Value]:
    """Wrap a function so that a mistake is reported and the value is then unknown."""

    def reported() -> Value:
        try:
            return make()
        except RecursionError:
            here.session.report(too_deep(span))
        except (Mistake, Silent) as stop:
            if isinstance(stop, Mistake):
                here.session.report(stop)
        return UNKNOWN

    return reported


Resolved = tuple[s.Definition, Home, dict[str, Given], s.Body | None]


def resolved(name: str, here: Here) -> Resolved:
    """Resolve a net by name: its definition, the home of that, the arguments fixed by derived nets, its promises."""
    home = here.builder.home
    chain: list[tuple[s.Derived, Home]] = []
    found = home.net(name)
    while found is not None:
        current, home = found
        if not isinstance(current, s.Derived):
            break
        if current in [derived for derived, _ in chain]:
            raise _derived_from_itself([derived for derived, _ in chain], current)
        chain.append((current, home))
        found = home.net(current.base.text)
        if found is None:
            raise _unknown_base(current, home)
    if found is None:
        raise Silent  # the net did not parse, which is reported
    definition, home = found
    assert isinstance(definition, s.Definition)
    if chain and not definition.is_net:
        message = f"`{definition.name.text}` is a block, not a net"
        raise Mistake(Rejected("not-a-net", message), chain[-1][0].base.span)
    given: dict[str, Given] = {}
    for derived, where in reversed(chain):
        arguments = givens(derived.arguments, _top_at(where, here))
        given |= assigned(definition.name.text, definition.parameters, arguments, fixed=given)
    return definition, home, given, chain[0][0].body if chain else None


def _top_at(home: Home, here: Here) -> Here:
    """Return the place of top-level expressions of a file."""
    return Here(here.session, Builder(here.builder.definition, home), Scope(), Lets({}))


def _derived_from_itself(chain: list[s.Derived], current: s.Derived) -> Mistake:
    first = min(chain[chain.index(current) :], key=lambda derived: derived.span.line)
    message = f"`{first.name.text}` is derived from itself"
    return Mistake(Rejected("endless-recursion", message), first.base.span)


def _unknown_base(derived: s.Derived, home: Home) -> Exception:
    name = derived.base.text
    other = home.used.get(name, home)
    if other is None or name in other.broken or (other is not home and name not in other.declarations()):
        return Silent()  # the file or name of `use` is missing, which is already reported
    message = f"there is no net called `{name}`"
    help = did_you_mean(name, list(home.nets)) or shipped_help(name)
    return Mistake(Rejected("unknown-name", message, help=help), derived.base.span)
