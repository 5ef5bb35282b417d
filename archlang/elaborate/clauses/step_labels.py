"""Labels. They are keys in the state dict, and names of values."""

from __future__ import annotations

from dataclasses import dataclass

from archlang import syntax as s
from archlang.diagnostics import Label, Rejected
from archlang.elaborate.evaluating.evaluate import text_of
from archlang.elaborate.state.kinds import Bundle, Tensor, Value, kind
from archlang.elaborate.state.lookup import Scope
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.session import Here
from archlang.elaborate.vocabulary.spelled import names_in, spelled
from archlang.ir import check_path, join_path
from archlang.source import Span


def refuse_taken(name: str, span: Span, here: Here) -> None:
    """Refuse a name that a parameter, a `let`, a loop or a label already has here."""
    if name == "it":
        raise Mistake(Rejected("name-taken", "`it` is the value that flows; it cannot be named anew"), span)
    if here.lets.find(name) is not None:
        message = f"`{name}` is already a parameter, a `let` or a loop's name, and cannot be given another value"
        raise Mistake(Rejected("name-taken", message), span)
    if here.scope.find(name) is not None:
        first = here.scope.named_at(name)
        labels = (Label(first, "named here"),) if first else ()
        raise Mistake(Rejected("name-taken", f"`{name}` is the label of a step already"), span, labels)


@dataclass(frozen=True, slots=True)
class StepLabel:
    """The label of a step as written, and its text; a tuple of labels has several."""

    node: s.Expression
    texts: tuple[str, ...]


def label_of(label: s.Expression | None, here: Here) -> StepLabel | None:
    """Evaluate a label. This is done before its step, so that `it` in a computed label is the input of the step."""
    if label is None:
        return None
    parts = label.items if isinstance(label, s.Sequence) else (label,)
    return StepLabel(label, tuple(_text(part, here) for part in parts))


def claim(label: StepLabel | None, span: Span, here: Here) -> str:
    """Claim the key of a step in its scope: its label, or else its position. Every step counts as a position."""
    here.scope.position += 1  # also if the key is taken, so that the steps after it get theirs
    if label is None or isinstance(label.node, s.Sequence):
        node = label.node if label else None
        return _take(str(here.scope.position - 1), node, node.span if node else span, here)
    return claim_key(label, here)


def claim_key(label: StepLabel, here: Here) -> str:
    """Claim the key that a label gives, without counting a position."""
    (name,) = label.texts
    check(name, label.node.span, here)
    return _take(name, label.node, label.node.span, here)


def _take(name: str, label: s.Expression | None, span: Span, here: Here) -> str:
    scope = here.scope
    if name in scope.keys or name in scope.containers:
        raise _clash(name, label, span, scope.keys.get(name) or scope.containers[name], here)
    for container in _containers(name):
        if container in scope.keys:
            message = f"`{container}` is already a step here, so it cannot contain `{name}`"
            raise Mistake(Rejected("duplicate-label", message), span, (Label(scope.keys[container], "the step"),))
        scope.containers.setdefault(container, span)
    scope.keys[name] = span
    return name


def _containers(name: str) -> list[str]:
    """Return the keys before the dots of a key: `a` and `a.b` of `a.b.c`."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def check(name: str, span: Span, here: Here) -> None:
    """Refuse what cannot be a key of a torch module, or a path of such keys."""
    try:
        check_path(name)
    except Rejected as rejected:
        raise Mistake(rejected, span) from None
    if name == "it":
        refuse_taken(name, span, here)
    if here.lets.find(name) is not None:
        message = f"`{name}` is a parameter, a `let` or a loop's name here; choose another label"
        raise Mistake(Rejected("name-taken", message), span)


def _clash(
    name: str, label: s.Expression | None, span: Span, first: Span, here: Here, named: str | None = None
) -> Mistake:
    """Return the mistake for a name that is taken. `named` is the value behind a label that names no more."""
    builder = here.builder
    inside = next((key for key in here.scope.keys if key.startswith(f"{name}.")), None)
    if inside is not None and name not in here.scope.keys:
        message = f"`{name}` contains `{inside}` here, so it cannot also name a step"
        return Mistake(Rejected("duplicate-label", message), span, (Label(first, "the first one in it"),))
    if builder.entry is not None and builder.entry.inlined:
        message = (
            f"`{name}` of `{builder.definition.name.text}`, which is inlined here, is already the name of another step"
        )
        help = "call the block without `inline`, so that its keys are below a name of their own"
        return Mistake(
            Rejected("duplicate-label", message, help=help), builder.entry.span, (Label(first, "named here"),)
        )
    if name.isdecimal() and (label is None) != (name not in here.scope.named):
        return _clash_of_positions(name, label, span, first)
    if span != first or label is None:
        places = (Label(first, "the first one"),)
        return Mistake(Rejected("duplicate-label", f"`{name}` is the name of another step here"), span, places)
    message = f"every turn of the loop would have the name `{name}`"
    stem = spelled(label).strip('"') + ("_" if isinstance(label, s.Text) else "")
    free = [variable for variable in here.lets.changing() if variable not in names_in(label)]
    counted = "number the loop (`repeat 3 as i`, `for i, width in enumerate(widths)`) and "
    help = f'{"" if free else counted}write `"{stem}{{{free[0] if free else "i"}}}":`'
    if named is not None and isinstance(label, s.Name):
        help += f"; or `let {name} = {named}`, which each turn says anew"
    return Mistake(Rejected("label-repeats", message, help=help), span)


def _clash_of_positions(name: str, label: s.Expression | None, span: Span, first: Span) -> Mistake:
    """Return the mistake for a label that is the position of another step, or the reverse."""
    how = "steps without a label are named by their position, counted from 0"
    if label is None:
        message = f"this step is number {name} here, and `{name}` is the label of another step: {how}"
        place, help = Label(first, "the label"), "give this step a label too"
    else:
        message = f"`{name}` is the name of another step here: {how}"
        place, help = Label(first, f"this step is number {name}"), "give it a label that is no number, or none"
    return Mistake(Rejected("duplicate-label", message, help=help), span, (place,))


def bind(label: StepLabel | None, value: Value | None, here: Here, named: str | None = None) -> None:
    """Bind a label to the value of its step, which is written as `named` if the step is only a value.

    A tuple of labels names the values of a tuple.
    """
    if label is None or value is None:
        return
    node, texts = label.node, label.texts
    if not isinstance(node, s.Sequence):
        _name(texts[0], node, value, here, named)
        return
    items = value.items if isinstance(value, Bundle) else (value,)
    if len(items) != len(texts):
        message = f"{len(texts)} labels cannot name {kind(value)}"
        end = f"-> ({', '.join(texts)}): it"
        help = f"labels name the results of the step after them; those of a whole line are named at its end: `{end}`"
        raise Mistake(Rejected("labels-do-not-match", message, help=help), node.span)
    for text, part, item in zip(texts, node.items, items, strict=True):
        _name(text, part, item, here)


def _name(name: str, label: s.Expression, value: Value, here: Here, named: str | None = None) -> None:
    check(name, label.span, here)
    if name in here.scope.labels:
        raise _clash(name, label, label.span, here.scope.named.get(name, label.span), here, named)
    _remember(name, value, label.span, here.scope, here)


def _remember(name: str, value: Value, span: Span, scope: Scope, here: Here) -> None:
    scope.labels[name] = value
    if "." in name:
        here.builder.note_dotted()
    scope.named[name] = span
    if isinstance(value, Tensor):
        here.builder.name_value(join_path(scope.path, name), value.value)


def join(inner: Here, span: Span, here: Here) -> None:
    """Make the labels of an inlined block visible in the scope around it."""
    entering = {item.name for item in inner.builder.definition.body.items if isinstance(item, s.Input)}
    for name, value in inner.scope.labels.items():
        if name in entering:
            continue
        if name in here.scope.labels or here.lets.find(name) is not None:
            message = f"`{name}` is a label of the block that is inlined here, and is already defined here"
            places = (Label(inner.scope.named[name], "named here"),) if name in inner.scope.named else ()
            raise Mistake(Rejected("duplicate-label", message), span, places)
        _remember(name, value, inner.scope.named.get(name, span), here.scope, here)


def _text(label: s.Expression, here: Here) -> str:
    match label:
        case s.Name(text=text):
            return text
        case s.Text():
            return text_of(label, here)
        case _:
            raise Mistake(Rejected("bad-label", "a label is a name, a string or a tuple of names"), label.span)
