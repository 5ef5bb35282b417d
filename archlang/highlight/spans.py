"""The text of a spec in coloured parts, line by line, for pages."""

from __future__ import annotations

from collections.abc import Mapping

from archlang.packages import need

_CLASSES: Mapping[str, str] = {
    "Token.Comment": "comment",
    "Token.Error": "error",
    "Token.Keyword": "keyword",
    "Token.Literal.Number": "number",
    "Token.Literal.String": "string",
    "Token.Literal.String.Label": "label",
    "Token.Name.Attribute": "attribute",
    "Token.Name.Builtin": "keyword",
    "Token.Name.Class": "declared",
    "Token.Name.Function": "operator",
    "Token.Name.Label": "label",
    "Token.Name.Variable": "declared",
    "Token.Operator.Word": "keyword",
}


def coloured(text: str) -> list[list[tuple[str, str]]]:
    """Return the lines of a spec's text; each is parts with the class of their colour, empty for the text's own.

    Raises `Rejected` if Pygments is not installed.
    """
    need("pygments", "specs are coloured by")
    from archlang.highlight.lexer import ArchLexer

    lines: list[list[tuple[str, str]]] = [[]]
    for token, value in ArchLexer(stripnl=False, ensurenl=False).get_tokens(text):
        kind = _class(str(token))
        for at, part in enumerate(value.split("\n")):
            if at:
                lines.append([])
            if part:
                _append(lines[-1], kind, part)
    return lines


def _class(token: str) -> str:
    """Return the class of the nearest kind of token that has one."""
    while token:
        if token in _CLASSES:
            return _CLASSES[token]
        token = token.rpartition(".")[0]
    return ""


def _append(line: list[tuple[str, str]], kind: str, part: str) -> None:
    """Add a part; it joins the one before if both have one colour, or if it is only space."""
    if line and (line[-1][0] == kind or part.isspace()):
        line[-1] = line[-1][0], line[-1][1] + part
    else:
        line.append((kind, part))
