"""The whole pipeline on one screen: find a spec, read it, check it, and pass its Graph to what needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from archlang.cautions import cautions
from archlang.checked import Checked, SpecError
from archlang.collector import paused
from archlang.diagnostics import Diagnostic, Rejected
from archlang.elaborate import check_declarations, elaborate_partial, meter_of, nets, notes
from archlang.facts.net import NetFacts
from archlang.ir import Graph, PartialGraph
from archlang.library import CallError, Found, Library, SettingError, chosen, find, read, text_alone
from archlang.limits import limits
from archlang.net import Net
from archlang.parse import SETTINGS, parse, parse_value
from archlang.promises import verify
from archlang.source import Source, Span
from archlang.syntax import Expression

if TYPE_CHECKING:
    from archlang.recipes import Evaluated

__all__ = ["CallError", "Checked", "Net", "SpecError", "check", "load", "loads", "setting", "written"]


def load(spec: str | Path, /, **params: object) -> Net:
    """Return the net of a spec: a path, `path:net`, or the name of a shipped net. `params` replace its parameters.

    Raises SpecError if the spec is wrong, and CallError if the call is.
    """
    if "{" in str(spec):
        raise CallError("this is the text of a spec, and no path: `archlang.loads` takes a text")
    return _net(find(str(spec)), str(spec), params)


def loads(text: str, net: str | None = None, /, **params: object) -> Net:
    """Return the net that a text describes, or that of this name in it. `params` replace its parameters.

    A text has no folder, so its `use` reads shipped specs only. Raises SpecError if the text is wrong, and CallError if
    the call is.
    """
    return _net(text_alone(text, net), "the text", params)


def _net(found: Found, told: str, params: Mapping[str, object]) -> Net:
    settings = {name: setting(name, written(name, value)) for name, value in params.items()}
    return _checked(found, told, settings, only=True).net


def written(name: str, value: object) -> str:
    """Return a Python value as the language writes it."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float() | str():
            return str(value)
        case list() | tuple():
            items = cast(Sequence[object], value)
            return f"[{', '.join(written(name, item) for item in items)}]"
        case _:
            raise CallError(f"{name} is a {type(value).__name__}; a parameter is a number, bool, name or list")


def setting(name: str, text: str) -> Expression:
    """Return the value of a parameter as an expression of the language."""
    value, _ = parse_value(text)
    if value is None:
        # the parser's message would be about `let NAME = ...`, which nobody wrote
        raise CallError(f"`{name}={text}`: write one value, such as 10, 0.5, true, [1, 2], a name or a quoted string")
    return value


def check(
    spec: str,
    settings: Mapping[str, Expression] | None = None,
    only: bool = False,
    root: Path | None = None,
    counts_alone: bool = False,
    wanted: Callable[[str], bool] | None = None,
) -> Checked:
    """Read a spec, elaborate its nets and check their promises. `only` asks for exactly one net.

    `root` is the folder that `use` may not leave; by default, the spec's own. `counts_alone` leaves out what is about
    other sizes than the default: the nets can be counted, but no source may be emitted from them. `wanted` says by its
    name whether a net is elaborated; by default, all are.
    """
    return _checked(find(spec, root), spec, settings, only, counts_alone, wanted)


@paused()
def _checked(
    found: Found,
    told: str,
    settings: Mapping[str, Expression] | None,
    only: bool,
    counts_alone: bool = False,
    wanted: Callable[[str], bool] | None = None,
) -> Checked:
    """Check what was found; `told` is how messages about the call name it."""
    library = read(found)
    file, files = library.main, library.files
    checked = Checked(library, settings or {}, diagnostics=library.diagnostics, warnings=library.notes)
    if found.net in file.broken:  # its mistakes are already reported
        return checked
    recipes = [name.text for name in file.recipes]
    if found.net in recipes:
        _add_recipe(checked, str(found.net))
        return checked
    names = chosen(found, told, nets(file, settings or (), files), only and not checked.diagnostics)
    _add(checked, check_declarations(file, files))
    checked.warnings += notes(file, files)
    meter = meter_of(files.values())
    for name in names if wanted is None else filter(wanted, names):
        graph, wrong = elaborate_partial(file, name, settings, files, meter)
        _refuse_settings(wrong)
        _add(checked, wrong)
        if isinstance(graph, PartialGraph):
            checked.known.append(graph)
        elif graph is not None:
            facts = NetFacts(graph)
            _add(checked, verify(facts))
            checked.graphs.append(_cautioned(graph, checked, counts_alone))
            checked.facts.append(facts)
        if meter.spent or len(checked.diagnostics) >= limits().mistakes:  # this is reported
            break
    for name in recipes if found.net is None and not only else ():
        _add_recipe(checked, name)
    if not names and not checked.recipes and not checked.diagnostics and found.net is None:
        start = Span(file.name, 1, 1, 1, 2)
        help = "give the parameters of a net defaults, or derive one: `net a = b depth=2`"
        _add(checked, [Diagnostic("no-net", "this file holds no net that can be built as it is", start, help=help)])
    return checked


def _cautioned(graph: Graph, checked: Checked, counts_alone: bool) -> Graph:
    """Add the warnings about a net, and return it with its fixed sizes. A net that is too large for them has a note."""
    try:
        checked.warnings += cautions(graph)
        return _with_fixed_sizes(graph, checked, checked.settings) if graph.open_sizes and not counts_alone else graph
    except Rejected as rejected:
        message = f"no warnings are looked for: {rejected.message}"
        place = graph.root.nodes[0].span
        checked.warnings.append(Diagnostic(rejected.code, message, place, (), rejected.help, "note"))
        return graph.model_copy(update={"fixed_sizes": tuple(graph.open_sizes)})


def _add_recipe(checked: Checked, name: str) -> Evaluated | None:
    """Check a recipe of the spec, and return it with the Graph of its net; None if it has a mistake."""
    from archlang.recipes import evaluated, misfits  # only where a spec has a recipe: start-up counts

    library = checked.library
    found, wrong = evaluated(library.main, name, checked.settings, library.files)
    _refuse_settings(wrong)
    _add(checked, wrong)
    if found is None:
        return None
    _add(checked, misfits(found.recipe, found.graph))
    checked.recipes.append(found.recipe)
    return found


def prepared(
    spec: str, settings: Mapping[str, Expression] | None = None, root: Path | None = None
) -> tuple[Evaluated, Library] | None:
    """Return the recipe that a SPEC names, or the only one of its file, with the Graph of its net.

    None if it names a net, or its file has no recipe. Raises SpecError if the recipe or its net is wrong, and CallError
    if the file has several recipes and none is named.
    """
    found = find(spec, root)
    library = read(found)
    names = [name.text for name in library.main.recipes]
    name = found.net or (names[0] if len(names) == 1 else None)
    if name is None and names:
        raise CallError(f"{spec} has several recipes: name one, as in `{spec}:{names[0]}`; it has {', '.join(names)}")
    checked = Checked(library, settings or {}, diagnostics=library.diagnostics)
    if name not in names:
        return None
    if checked.diagnostics:
        raise SpecError(checked)
    made = _add_recipe(checked, name)
    if made is None or checked.diagnostics:
        raise SpecError(checked)
    return made, library


def prepared_by(
    spec: str,
    name: str,
    text_for: Callable[[Graph], str],
    settings: Mapping[str, Expression] | None = None,
    root: Path | None = None,
) -> tuple[Evaluated, Library]:
    """Return the net of a SPEC with a recipe called `name`, whose text is made for its Graph.

    Raises SpecError if the net is wrong, or the recipe does not fit it, and CallError if the spec uses that name.
    """
    from archlang.recipes.lines import WORDS

    own = {key: value for key, value in (settings or {}).items() if key.partition(".")[0] not in WORDS}
    checked = check(spec, own, only=True, root=root)
    if checked.diagnostics:
        raise SpecError(checked)
    library, source = checked.library, Source(name, text_for(checked.graphs[0]))
    if any(one.text == name for one in library.main.recipes):
        raise CallError(f"{spec} has a recipe `{name}` of its own; name it, or give it another name")
    added, _ = parse(source)
    library.sources[name] = source
    library.main = replace(library.main, declarations=(*library.main.declarations, *added.declarations))
    complete = Checked(library, settings or {})
    made = _add_recipe(complete, name)
    if made is None or complete.diagnostics:
        raise SpecError(complete)
    return made, library


def _with_fixed_sizes(graph: Graph, checked: Checked, settings: Mapping[str, Expression]) -> Graph:
    """Return the net with the open sizes that its steps fix, and add a warning at each such step."""
    from archlang.sizes import Spec, fixing

    library = checked.library
    found = fixing(Spec(library.main, graph.name, settings, library.files), graph)
    checked.warnings += [warning for one in found for warning in one.warnings]
    return graph.model_copy(update={"fixed_sizes": tuple(one.name for one in found if one.everywhere)})


def _refuse_settings(found: Sequence[Diagnostic]) -> None:
    """Raise SettingError for the first diagnostic about a setting: the mistake is in the call, not in the spec."""
    wrong = next((diagnostic for diagnostic in found if diagnostic.span.file == SETTINGS), None)
    if wrong is not None:
        raise SettingError(wrong.message + (f"; {wrong.help}" if wrong.help else ""))


def _add(checked: Checked, found: list[Diagnostic]) -> None:
    """Add the diagnostics that are new. Several nets of a file may meet the same mistake, which is reported once."""
    told = {(diagnostic.code, diagnostic.span) for diagnostic in checked.diagnostics}
    checked.diagnostics += [diagnostic for diagnostic in found if (diagnostic.code, diagnostic.span) not in told]
