"""The TextMate grammar of .arch, for editors. docs/editors/archlang.tmLanguage.json is its output.

Editors match its patterns with Oniguruma. The patterns use only what Python's `re` has too, so that the tests can run
them.
"""

from __future__ import annotations

from archlang.highlight.words import FLOAT, INT, NAME, OPERATOR, QUANTITY, WINDOW, Words, alternatives, words

Rule = dict[str, object]

_BEGINS = r"(?:^|(?<=->)|(?<=[;|{:]))[ \t]*"  # the start of a step: only white space is before it


def textmate() -> str:
    """Return the grammar as JSON, with the scopes that TextMate's manual recommends."""
    import json

    w = words()
    repository: dict[str, Rule] = {
        "comment": _match(r"#.*$", "comment.line.number-sign"),
        **_declarations(w),
        **_steps(alternatives(w.all())),
        **_nested(),
        "expression": {"patterns": _includes("brackets", "string", "atoms")},
        "atoms": {"patterns": _atoms(w)},
    }
    order = ("comment", "use", "declared", "named", "block", "label", "value", "step", "expression")
    head = {"name": "arch", "scopeName": "source.arch", "fileTypes": ["arch"]}
    grammar = {**head, "patterns": _includes(*order), "repository": repository}
    return json.dumps(grammar, indent=2, ensure_ascii=False) + "\n"


def _declarations(w: Words) -> dict[str, Rule]:
    """Return the rules of what declares a name, and of `use`."""
    return {
        "declared": _captured(
            rf"({alternatives(w.top)})[ \t]+({NAME})(?:[ \t]*(=)[ \t]*({NAME}))?",
            "storage.type", "entity.name.type", "keyword.operator", "entity.name.type",
        ),
        "named": _captured(
            rf"({alternatives(w.declarations)})[ \t]+(\*)?({NAME})(?:[ \t]*(:))?",
            "storage.type", "keyword.operator", "variable.other.declaration", "punctuation.separator",
        ),
        "use": {
            "begin": r"\buse\b(?![ \t]*:)",
            "beginCaptures": {"0": {"name": "keyword.control.arch"}},
            "end": "$",
            "patterns": _includes("comment", "expression"),
        },
    }  # fmt: skip


def _steps(keywords: str) -> dict[str, Rule]:
    """Return the rules of what a step begins with."""
    return {
        "label": _captured(rf"{_BEGINS}({NAME})[ \t]*(:)", "entity.name.label", "punctuation.separator"),
        "value": _captured(rf"{_BEGINS}(?!{keywords})({NAME})(?=[.\[])", "variable.other"),
        "step": _captured(rf"{_BEGINS}(?!{keywords})(?!it\b)({NAME})", "entity.name.function"),
        "block": _captured(rf"\b(inline)[ \t]+({NAME})", "keyword.control", "entity.name.function"),
    }


def _nested() -> dict[str, Rule]:
    """Return the rules of what holds others: brackets, strings and the holes in them."""
    return {
        "brackets": {"begin": r"[(\[]", "end": r"[)\]]|(?=[{}])", "patterns": _includes("comment", "expression")},
        "string": {
            "name": "string.quoted.double.arch",
            "begin": '"',
            "end": '"|$',
            "patterns": [_match(r"\{\{|\}\}", "constant.character.escape"), {"include": "#hole"}],
        },
        "hole": {
            "name": "meta.interpolation.arch",
            "begin": r"\{",
            "end": r'\}|(?=")|$',
            "patterns": _includes("atoms"),
        },
    }


def _atoms(w: Words) -> list[Rule]:
    """Return the rules of the words of an expression, in the order in which they are tried."""
    return [
        _captured(
            rf"\b({NAME})[ \t]*(=)(?!=)[ \t]*({alternatives(w.names_after_equals())})",
            "variable.parameter", "keyword.operator", "variable.other",
        ),
        _captured(rf"\b({NAME})[ \t]*(=)(?!=)", "variable.parameter", "keyword.operator"),
        _captured(rf"\.({NAME})", "variable.other.property"),
        _match(alternatives(w.logic), "keyword.operator.word"),
        _match(alternatives(w.constants), "constant.language"),
        _match(alternatives(w.top, w.declarations), "storage.type"),
        _match(alternatives(w.control, w.statements), "keyword.control"),
        _match(r"\bit\b", "variable.language"),
        _match(rf"\b{NAME}(?=\()", "entity.name.function"),
        _match(rf"\b{NAME}", "variable.other"),
        *(_match(rf"\b{number}", "constant.numeric") for number in (WINDOW, QUANTITY, FLOAT, INT)),
        _match(r"->", "keyword.operator.arrow"),
        _match(OPERATOR, "keyword.operator"),
    ]  # fmt: skip


def _match(pattern: str, scope: str) -> Rule:
    return {"match": pattern, "name": f"{scope}.arch"}


def _captured(pattern: str, *scopes: str) -> Rule:
    """Return a pattern whose groups have those scopes, in order."""
    return {"match": pattern, "captures": {str(at): {"name": f"{scope}.arch"} for at, scope in enumerate(scopes, 1)}}


def _includes(*names: str) -> list[Rule]:
    return [{"include": f"#{name}"} for name in names]
