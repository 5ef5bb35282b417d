"""Programs from the grammar itself: a short one for each alternative of each rule, and random ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from lark.grammar import Rule

from archlang.parse.parser_table import load
from archlang.paths import GRAMMAR, TABLE

START = "declaration"
WORDS = {
    "NAME": "channels", "INT": "7", "FLOAT": "1.50e-3", "WINDOW": "3x3", "QUANTITY": "4.10G", "STRING": '"a  {{b"',
    "EQUALS": "==", "COMPARISON": "<=", "SEP": "\n", "GLUED_SLASH": "/", "STRIDE_SLASH": "/", "SIGN": "-", "CALL": "(",
    "INDEX": "[", "STRING_HEAD": '"a{', "STRING_MIDDLE": "}  b{", "AT": "at", "STRING_TAIL": '}"',
}  # fmt: skip
GLUED_BEFORE = {"CALL", "INDEX", "GLUED_SLASH"}
GLUED_AFTER = {"GLUED_SLASH", "STRIDE_SLASH", "SIGN"}
NEVER_READ = {"BROKEN"}  # recovery makes it, no text does


@cache
def lexer() -> Any:
    """Return the lexer and the grammar's rules, without callbacks."""
    return load(GRAMMAR, TABLE, None)


@cache
def rules() -> dict[str, list[Rule]]:
    """Return the alternatives of each rule that a text can hold."""
    found: dict[str, list[Rule]] = {}
    for rule in lexer().rules:
        if not any(symbol.name in NEVER_READ for symbol in rule.expansion):
            found.setdefault(rule.origin.name, []).append(rule)
    alive = {name: kept for name, kept in found.items() if name != "broken"}
    return {
        name: [rule for rule in kept if all(part.is_term or part.name in alive for part in rule.expansion)]
        for name, kept in alive.items()
    }


@cache
def shortest() -> dict[str, list[str]]:
    """Return the fewest words of each rule; a name where one of several is as short."""
    known: dict[str, list[str]] = {}
    changed = True
    while changed:
        changed = False
        for name, alternatives in rules().items():
            for rule in alternatives:
                if all(part.is_term or part.name in known for part in rule.expansion):
                    words = [word for part in rule.expansion for word in _least(part, known)]
                    if name not in known or _cost(words) < _cost(known[name]):
                        known[name], changed = words, True
    return known


def _least(part: Any, known: dict[str, list[str]]) -> list[str]:
    return [part.name] if part.is_term else known[part.name]


def _cost(words: list[str]) -> float:
    return sum(1 if word == "NAME" else 1.25 for word in words)


@cache
def surroundings() -> dict[str, tuple[list[str], list[str]]]:
    """Return the fewest words around each rule that make a declaration of it."""
    around: dict[str, tuple[list[str], list[str]]] = {START: ([], [])}
    waiting = [START]
    while waiting:
        name = waiting.pop(0)
        before, after = around[name]
        for rule in rules()[name]:
            for at, part in enumerate(rule.expansion):
                if part.is_term or part.name in around:
                    continue
                left = [word for other in rule.expansion[:at] for word in _least(other, shortest())]
                right = [word for other in rule.expansion[at + 1 :] for word in _least(other, shortest())]
                around[part.name] = ([*before, *left], [*right, *after])
                waiting.append(part.name)
    return around


def each_rule() -> Iterator[tuple[str, str]]:
    """Yield a program for each alternative of each rule, with the alternative's own words."""
    for name, alternatives in rules().items():
        before, after = surroundings()[name]
        for rule in alternatives:
            words = [word for part in rule.expansion for word in _least(part, shortest())]
            yield f"{name}: {' '.join(part.name for part in rule.expansion)}", text_of([*before, *words, *after])


def random_words(choose: Callable[[int], int], most: int) -> list[str]:
    """Return the words of a declaration; `choose(n)` picks one of n; after `most` picks every rule is shortest."""
    words: list[str] = []
    waiting, picks = [START], 0
    while waiting:
        name = waiting.pop()
        if name not in rules():
            words.append(name)
        elif picks >= most:
            words += shortest()[name]
        else:
            alternatives = rules()[name]
            picks += len(alternatives) > 1
            chosen = alternatives[choose(len(alternatives)) if len(alternatives) > 1 else 0]
            waiting += [part.name for part in reversed(chosen.expansion)]
    return words


def text_of(words: list[str]) -> str:
    """Return the words as text, with a space wherever one may stand."""
    fixed = {terminal.name: terminal.pattern.value for terminal in lexer().terminals if terminal.pattern.type == "str"}
    text, glued = "", True
    for word in words:
        text += "" if glued or word in GLUED_BEFORE else " "
        text += WORDS[word] if word in WORDS else fixed[word]
        glued = word in GLUED_AFTER
    return f"{text}\n"
