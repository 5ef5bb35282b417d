"""Groups words by brackets and braces, and writes each group on one line where that is possible."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from archlang.format.commented_words import Word
from archlang.format.spacing import gaps

_ROUND = {"LPAR": "RPAR", "CALL": "RPAR", "LSQB": "RSQB", "INDEX": "RSQB"}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Words, brackets and braces side by side. `flat` is their text on one line, None if they need several."""

    pieces: tuple[Piece, ...]
    gaps: tuple[bool, ...]
    flat: str | None

    def part(self, start: int, end: int) -> Stretch:
        """Return the pieces from `start` to before `end`."""
        return _run(self.pieces[start:end], self.gaps[start:end])

    def text_of(self, at: int) -> str:
        """Return one piece on one line, an empty text if it needs several."""
        piece = self.pieces[at]
        return piece.text if isinstance(piece, Word) else piece.flat or ""

    def bare(self) -> Stretch:
        """Return the pieces without the comments above and beside them. Those inside brackets stay."""
        return _run(tuple(map(_bare, self.pieces)), self.gaps)


@dataclass(frozen=True, slots=True)
class Bracket:
    """Round or square brackets. A comma before the closing one is left out, unless it has a comment."""

    opener: Word
    inside: Stretch
    closer: Word
    flat: str | None


@dataclass(frozen=True, slots=True)
class Braces:
    """Braces and their lines. Each is a statement, or the first statement of a branch with its bar."""

    opener: Word
    lines: tuple[Stretch, ...]
    closer: Word
    flat: str | None


Piece = Word | Bracket | Braces


def first(piece: Piece) -> Word:
    """Return the first word of a piece."""
    return piece if isinstance(piece, Word) else piece.opener


def last(piece: Piece) -> Word:
    """Return the last word of a piece."""
    return piece if isinstance(piece, Word) else piece.closer


def _bare(piece: Piece) -> Piece:
    """Return the piece without the comments above and beside it. Those inside it stay."""
    match piece:
        case Word():
            return piece.bare()
        case Bracket():
            opener, closer = replace(piece.opener, above=()), replace(piece.closer, beside="")
            return replace(piece, opener=opener, closer=closer)
        case Braces():
            return piece


def grow(words: Iterable[Word]) -> list[Stretch]:
    """Return the lines of a declaration."""
    lines: list[list[Piece]] = [[]]
    open_: list[tuple[Word, list[list[Piece]]]] = []  # opening words, and the lines inside each
    for word in words:
        if word.kind in _ROUND or word.kind == "LBRACE":
            open_.append((word, lines))
            lines = [[]]
        elif word.kind in ("RPAR", "RSQB"):
            opener, around = open_.pop()
            around[-1].append(_bracket(opener, lines[0], word))
            lines = around
        elif word.kind == "RBRACE":
            opener, around = open_.pop()
            around[-1].append(_braces(opener, [_spaced(line) for line in lines if line], word))
            lines = around
        elif word.kind == "SEP":
            lines.append([])
        elif word.kind == "VBAR":
            lines.append([word])
        else:
            lines[-1].append(word)
    return [_spaced(line) for line in lines if line]


def _spaced(pieces: Sequence[Piece], in_bracket: bool = False) -> Stretch:
    return _run(tuple(pieces), tuple(gaps([first(piece).kind for piece in pieces], in_bracket)))


def _run(pieces: tuple[Piece, ...], spaces: tuple[bool, ...]) -> Stretch:
    """Make a stretch. Comments inside it keep it from being flat, comments at its two ends do not."""
    parts: list[str] = []
    for at, (piece, space) in enumerate(zip(pieces, spaces, strict=True)):
        text = piece.text if isinstance(piece, Word) else piece.flat
        if text is None or (at and (first(piece).above or last(pieces[at - 1]).beside)):
            return Stretch(pieces, spaces, None)
        parts.append(f" {text}" if space and at else text)
    return Stretch(pieces, spaces, "".join(parts))


def _bracket(opener: Word, pieces: list[Piece], closer: Word) -> Bracket:
    final = pieces[-1] if pieces else None
    if isinstance(final, Word) and final.kind == "COMMA" and not (final.above or final.beside):
        pieces = pieces[:-1]
    inside = _spaced(pieces, in_bracket=True)
    commented = opener.beside or closer.above or (pieces and (first(pieces[0]).above or last(pieces[-1]).beside))
    flat = None if inside.flat is None or commented else f"{opener.text}{inside.flat}{closer.text}"
    return Bracket(opener, inside, closer, flat)


def _braces(opener: Word, lines: list[Stretch], closer: Word) -> Braces:
    """Return the braces. If they were written on one line, they may stay on it; otherwise they stay open."""
    flat: str | None = None
    if not lines and not opener.beside and not closer.above:
        flat = "{}"
    elif lines and opener.line == closer.line and all(line.flat is not None for line in lines):
        flat = "{ " + (lines[0].flat or "")
        for line in lines[1:]:
            flat += f" {line.flat}" if first(line.pieces[0]).kind == "VBAR" else f"; {line.flat}"
        flat += " }"
    return Braces(opener, tuple(lines), closer, flat)
