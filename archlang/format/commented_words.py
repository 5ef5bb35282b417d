"""The words of a file with their comments. A comment belongs to the word below it or before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from archlang.source import Span


class Token(Protocol):
    """The attributes of the parser's tokens that are used here."""

    type: str
    line: int | None
    start_pos: int | None
    end_pos: int | None


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a line of its own. `blank` is true if a blank line stands before it."""

    text: str
    blank: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A token as written; a string with its holes is one word. `breaks` is true if it stood first on its line."""

    kind: str
    text: str
    line: int
    breaks: bool = False
    blank: bool = False  # a blank line stands before it, below its comments
    above: tuple[Comment, ...] = ()
    beside: str = ""

    def bare(self) -> Word:
        """Return the word without its comments."""
        return replace(self, above=(), beside="") if self.above or self.beside else self


def words_of(
    text: str, declarations: Iterable[Iterable[Token]], comments: Iterable[tuple[Span, str]]
) -> tuple[list[list[Word]], list[Comment]]:
    """Return the words of each declaration, and the comments below the last. `text` is the text of the tokens."""
    groups = [list(_whole_strings(text, tokens)) for tokens in declarations]
    lines = [word.line for group in groups for word in group if word.kind != "SEP"]
    occupied = set(lines)
    beside = {span.line: _clean(comment) for span, comment in comments if span.line in occupied}
    own = [(span.line, _clean(comment)) for span, comment in comments if span.line not in occupied]
    own.reverse()
    last, seen = 0, 0  # the line of the last word or comment, and the number of words so far
    result: list[list[Word]] = []
    for group in groups:
        placed: list[Word] = []
        for word in group:
            if word.kind == "SEP":
                placed.append(word)
                continue
            previous = lines[seen - 1] if seen else 0
            seen += 1
            above, last = _above(own, word.line, last)
            note = beside[word.line] if word.line in beside and lines[seen : seen + 1] != [word.line] else ""
            blank = word.line - last > 1
            placed.append(Word(word.kind, word.text, word.line, previous != word.line, blank, above, note))
            last = word.line
        result.append(list(_before_marks(placed)))
    return result, list(_above(own, None, last)[0])


def _whole_strings(text: str, tokens: Iterable[Token]) -> Iterator[Word]:
    start: int | None = None
    for token in tokens:
        line = token.line or 0
        if token.type == "STRING_HEAD":
            start = token.start_pos
        elif start is None:
            yield Word(token.type, text[token.start_pos or 0 : token.end_pos], line)
        elif token.type == "STRING_TAIL":
            yield Word("STRING", text[start : token.end_pos], line)
            start = None


def _above(own: list[tuple[int, str]], line: int | None, last: int) -> tuple[tuple[Comment, ...], int]:
    """Take the comments before a line from the end of `own`, and return them with the line of the last."""
    taken: list[Comment] = []
    while own and (line is None or own[-1][0] < line):
        at, comment = own.pop()
        taken.append(Comment(comment, at - last > 1))
        last = at
    return tuple(taken), last


def _before_marks(words: list[Word]) -> Iterator[Word]:
    """Move comments and line ends after an arrow or a bar before it: a line can begin with one but not end with one."""
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        ahead = words[at] if at < len(words) else None
        if ahead is not None and ahead.kind == "ARROW" and ahead.beside and not ahead.breaks:
            word, ahead = replace(word, beside=ahead.beside), replace(ahead, beside="")
            words[at] = ahead
        if word.kind in ("ARROW", "VBAR") and ahead is not None:
            own = (*word.above, *([Comment(word.beside)] if word.beside else []), *ahead.above)
            words[at] = replace(ahead, above=(), blank=False, breaks=False)
            word = replace(word, above=own, beside="", breaks=word.breaks or ahead.breaks)
        yield word


def _clean(comment: str) -> str:
    return comment.rstrip().replace("\t", "  ")
