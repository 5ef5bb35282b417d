"""The Pygments lexer of .arch. Pygments finds it through an entry point; nothing else imports it.

An operator is recognised by its place, the first word of a step, so that new operators are coloured too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from pygments.lexer import RegexLexer, default, include
from pygments.lexer import bygroups as _bygroups  # pyright: ignore[reportUnknownVariableType]
from pygments.token import (
    Comment,
    Error,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Whitespace,
)

from archlang.highlight.words import FLOAT, INT, NAME, OPERATOR, QUANTITY, WINDOW, alternatives, words

_groups = cast(Any, _bygroups)  # its stub has no types for it
_W = words()


class ArchLexer(RegexLexer):
    """Tokens of a spec: `pygmentize -l arch FILE`. Any text is accepted; what is wrong becomes Error."""

    name = "arch"
    url = "https://pypi.org/project/archlang/"
    aliases: ClassVar[Sequence[str]] = ["arch", "archlang"]
    filenames: ClassVar[Sequence[str]] = ["*.arch"]
    mimetypes: ClassVar[Sequence[str]] = ["text/x-arch"]
    version_added = ""

    tokens: ClassVar[dict[str, list[Any]]] = {
        # where a statement or a step begins
        "root": [
            (r"\s+", Whitespace),
            (r"#[^\n]*", Comment.Single),
            (r"->", Operator),
            (r"[;|{]", Punctuation),
            (r"\}", Punctuation, "rest"),
            (
                rf"({alternatives(_W.top)})([ \t]+)({NAME})([ \t]*)(=)([ \t]*)({NAME})",
                _groups(Keyword.Declaration, Whitespace, Name.Class, Whitespace, Operator, Whitespace, Name.Class),
                "rest",
            ),
            (
                rf"({alternatives(_W.top)})([ \t]+)({NAME})",
                _groups(Keyword.Declaration, Whitespace, Name.Class),
                "rest",
            ),
            (
                rf"({alternatives(_W.declarations)})([ \t]+)(\*?)({NAME})([ \t]*)(:)?",
                _groups(Keyword.Declaration, Whitespace, Operator, Name.Variable, Whitespace, Punctuation),
                "rest",
            ),
            (r"(inline)\b([ \t]+)(?=[A-Za-z_])", _groups(Keyword, Whitespace)),
            (alternatives(_W.top, _W.declarations, _W.statements), Keyword.Declaration, ("rest", "listed")),
            (alternatives(_W.control), Keyword, "rest"),
            (rf"({NAME})([ \t]*)(:)", _groups(Name.Label, Whitespace, Punctuation)),
            (r'"(?=[^"\n]*"[ \t]*:)', String.Label, "label"),
            (r"it\b", Name.Builtin.Pseudo, "rest"),
            (rf"{NAME}(?=[.\[])", Name, "rest"),
            (NAME, Name.Function, "rest"),
            default("rest"),
        ],
        # the rest of a step: its arguments, up to the next step
        "rest": [
            (r"\n", Whitespace, "#pop"),
            (r"[;|{:]", Punctuation, "#pop"),
            (r"\}", Punctuation),
            (r"->", Operator, "#pop"),
            include("expression"),
        ],
        # after `output`, `expect`, `use`, ...: a `:` begins no step, and nothing here is a label
        "listed": [
            (r":", Punctuation),
            (r"(?=[\n;|{}])|(?=->)", Whitespace, "#pop"),
            (r"~", Operator),
            include("expression"),
        ],
        "expression": [
            (r"[^\S\n]+", Whitespace),
            (r"#[^\n]*", Comment.Single),
            (r"[(\[]", Punctuation, "brackets"),
            (r"[)\],]", Punctuation),
            include("atoms"),
        ],
        "atoms": [
            (
                rf"({NAME})(\s*)(=)(?!=)([ \t]*)({alternatives(_W.names_after_equals())})",
                _groups(Name.Attribute, Whitespace, Operator, Whitespace, Name),
            ),
            (rf"({NAME})(\s*)(=)(?!=)", _groups(Name.Attribute, Whitespace, Operator)),
            (rf"(\.)({NAME})", _groups(Punctuation, Name.Property)),
            (alternatives(_W.logic), Operator.Word),
            (alternatives(_W.constants), Keyword.Constant),
            (alternatives(_W.control, _W.top, _W.declarations, _W.statements), Keyword),
            (r"it\b", Name.Builtin.Pseudo),
            (rf"{NAME}(?=\()", Name.Function),
            (NAME, Name),
            (WINDOW, Number),
            (QUANTITY, Number),
            (FLOAT, Number.Float),
            (INT, Number.Integer),
            (r"[0-9][\w.]*", Error),
            (r'"(?=[^"\n]*")', String, "string"),
            (r'"[^"\n]*', Error),  # not closed on its line
            (OPERATOR, Operator),
        ],
        # lines may end within brackets; a brace shows that a bracket was left open
        "brackets": [
            (r"\s+", Whitespace),
            (r"[)\]]", Punctuation, "#pop"),
            (r"\{", Punctuation, "root"),
            (r"\}", Punctuation, ("root", "rest")),
            (r":", Punctuation),
            include("expression"),
        ],
        "string": [
            (r'"', String, "#pop"),
            (r"\{\{|\}\}", String.Escape),
            (r"\{", String.Interpol, "hole"),
            (r'[^"{}\n]+|\}', String),
            (r"\n", Whitespace, "#pop"),
        ],
        "label": [(r'"', String.Label, "#pop"), (r"[^\"{}\n]+|\}(?!\})", String.Label), include("string")],
        "hole": [
            (r"\}", String.Interpol, "#pop"),
            (r'(?=["\n])', String, "#pop"),  # the string ends first
            (r"[^\S\n]+", Whitespace),
            (r"[()\[\],:]", Punctuation),
            include("atoms"),
        ],
    }
