"""Messages about names that are not defined."""

from __future__ import annotations

from collections.abc import Sequence

from archlang.diagnostics import Label, Rejected
from archlang.elaborate.state.builtins import FUNCTIONS
from archlang.elaborate.state.kinds import BlockValue
from archlang.elaborate.state.mistakes import Mistake, Silent
from archlang.elaborate.state.session import Here
from archlang.elaborate.vocabulary.spelled import labels_in
from archlang.elaborate.vocabulary.suggest import INITIALISERS_ELSEWHERE, did_you_mean
from archlang.ops import enumerations, registry
from archlang.ops.initialisers import INITIALISERS
from archlang.shipped import shipped_help
from archlang.source import Span

_LISTED = 8  # names in reach
_DECLARING = ("param", "buffer")  # in the registry, but no steps
_STATEMENTS = ("input", "output", "expect", "repeat", "residual")  # words that may have been misspelt


def unknown_step(name: str, span: Span, here: Here) -> Exception:
    """Return the mistake for an unknown first word of a step."""
    home = here.builder.home
    blocks = [word for word in home.declarations() if home.net(word) or isinstance(home.globals.get(word), BlockValue)]
    steps = [word for word in registry() if word not in _DECLARING]
    words = [*here.lets.visible(), *here.scope.visible(), *blocks, *steps, *_STATEMENTS]
    message = f"there is no operator, block or value called `{name}`"
    help = "did you mean `output`?" if name == "return" else _step_help(name, words)
    return _unknown(name, span, here, Rejected("unknown-operator", message, help=help))


def _step_help(name: str, words: Sequence[str]) -> str | None:
    return did_you_mean(name, words, operators=True) or shipped_help(name)


def unknown_value(name: str, span: Span, here: Here) -> Exception:
    """Return the mistake for an unknown name where a value of the net is needed."""
    help = did_you_mean(name, [*here.scope.visible(), *here.lets.visible()]) or _in_reach(here.scope.visible(), "value")
    return _unknown(name, span, here, Rejected("unknown-name", f"no value is called `{name}`", help=help))


def unknown_name(name: str, span: Span, here: Here) -> Exception:
    """Return the mistake for an unknown name in an expression."""
    words = [*here.lets.visible(), *here.scope.visible(), *here.builder.home.declarations()]
    more = [*FUNCTIONS, *registry(), *INITIALISERS, *enumerations(), "true", "false"]
    help = _cure(name, [*words, *more], words) or _in_reach([*here.lets.visible(), *here.scope.visible()], "name")
    return _unknown(name, span, here, Rejected("unknown-name", f"nothing here is called `{name}`", help=help))


def _cure(name: str, candidates: Sequence[str], values: Sequence[str]) -> str | None:
    """Suggest how to write what a name in an expression probably means."""
    sides = name.split("x")
    if len(sides) > 1 and all(side.isdecimal() or side in values for side in sides):
        return f"a window with computed sides is written in brackets: `[{', '.join(sides)}]`"
    if name == "None":
        return "leave the argument out"
    if name == "like":
        return "for the size of another value, write `like=x`"
    if name in enumerations():
        return f'an argument alone takes the bare word; here it is a string, `"{name}"`'
    own = did_you_mean(name, values)  # a name of the spec is meant before a word of the language
    if own is None and name.lower() in INITIALISERS_ELSEWHERE:
        return f"did you mean `{INITIALISERS_ELSEWHERE[name.lower()]}`?"
    return own or did_you_mean(name, candidates, operators=True, likeness=0.75)


def _in_reach(names: Sequence[str], what: str) -> str | None:
    """List the names that can be used here, the nearest first."""
    near = list(dict.fromkeys(names))
    if not near:
        return None
    more = f" and {len(near) - _LISTED} more" if len(near) > _LISTED else ""
    listed = ", ".join(f"`{name}`" for name in near[:_LISTED]) if more else words_of(near)
    return f"the {what}{'s' if len(near) > 1 else ''} in reach: {listed}{more}"


def _unknown(name: str, span: Span, here: Here, rejected: Rejected) -> Exception:
    """Return the mistake, a better one if the name is defined elsewhere, `Silent` if its definition may have failed."""
    if here.builder.tainted or name in here.builder.home.broken:
        return Silent()
    if name == "it":
        return Mistake(Rejected("nothing-flows", "`it` has no value yet"), span)
    if name in here.builder.home.recipes:
        message, help = f"`{name}` is a recipe, which trains a net; no step", f"`archlang train SPEC:{name}` runs it"
        return Mistake(Rejected("unknown-name", message, help=help), span)
    skipped = here.scope.skipped_at(name)
    if skipped is not None:
        label = Label(skipped, "named here")
        return Mistake(Rejected("not-taken", f"`{name}` was named in an `if` that was not taken"), span, (label,))
    return _elsewhere(name, span, here) or Mistake(rejected, span)


def _elsewhere(name: str, span: Span, here: Here) -> Mistake | None:
    """Return the mistake for a value that is named later, or inside braces."""
    places = list(labels_in(here.builder.definition.body))
    for path, place in places:
        if path == name and (place.line, place.column) > (span.line, span.column):
            labels = (Label(place, "it is defined only here"),)
            return Mistake(Rejected("used-too-early", f"`{name}` does not exist yet"), span, labels)
    for path, place in places:
        if path.endswith("." + name) and _within_reach(path, here):
            labels = (Label(place, "named here, within braces"),)
            message = f"`{name}` is inside braces, so it needs its path"
            return Mistake(Rejected("unknown-name", message, help=f"write `{path}`"), span, labels)
    return None


def _within_reach(path: str, here: Here) -> bool:
    """Return whether the braces in which a path begins already have their name."""
    return here.scope.find(path.partition(".")[0]) is not None


def nothing_flows(what: str, span: Span) -> Mistake:
    """Return the mistake for a step before any input."""
    help = "begin with an `input`, as in `input image: 3x224x224`"
    return Mistake(Rejected("nothing-flows", f"no value flows into {what} yet", help=help), span)


def words_of(values: Sequence[str]) -> str:
    """List names in a message: `a`, `b` and `c`."""
    quoted = [f"`{value}`" for value in values]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
