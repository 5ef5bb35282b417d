"""The words of a file with their comments: each comment above the word it stands above, or beside the one before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from archlang.source import Span


class Token(Protocol):
    """What is asked of the parser's tokens."""

    type: str
    line: int | None
    start_pos: int | None
    end_pos: int | None


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a line of its own; `blank` says that a blank line stands before it."""

    text: str
    blank: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A token as it is written; a string is one word, holes and all. `breaks` says that it stood first on its line."""

    kind: str
    text: str
    line: int
    breaks: bool = False
    blank: bool = False  # a blank line stands before it, below the comments above it
    above: tuple[Comment, ...] = ()
    beside: str = ""

    def bare(self) -> Word:
        """The word without its comments."""
        return replace(self, above=(), beside="") if self.above or self.beside else self


def words_of(
    text: str, declarations: Iterable[Iterable[Token]], comments: Iterable[tuple[Span, str]]
) -> tuple[list[list[Word]], list[Comment]]:
    """The words of each declaration, and the comments below the last. `text` is what the tokens were read from."""
    groups = [list(_whole_strings(text, tokens)) for tokens in declarations]
    lines = [word.line for group in groups for word in group if word.kind != "SEP"]
    occupied = set(lines)
    beside = {span.line: _clean(comment) for span, comment in comments if span.line in occupied}
    own = [(span.line, _clean(comment)) for span, comment in comments if span.line not in occupied]
    own.reverse()
    last, seen = 0, 0  # the line of the last word or comment, and how many words were seen
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
    """The comments that come before a line, taken from the end of `own`, and the line of the last of them."""
    taken: list[Comment] = []
    while own and (line is None or own[-1][0] < line):
        at, comment = own.pop()
        taken.append(Comment(comment, at - last > 1))
        last = at
    return tuple(taken), last


def _before_marks(words: list[Word]) -> Iterator[Word]:
    """Comments and line ends after an arrow or a bar move before it, since a line may begin with one, not end."""
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
