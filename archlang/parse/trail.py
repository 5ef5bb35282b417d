"""Follows tokens through the grammar without making a tree, and takes up again where a line was replaced."""

from __future__ import annotations

from operator import is_
from typing import Any

from lark import Token
from lark.parsers.lalr_analysis import Shift

from archlang.parse.machine import transitions

EVERY = 64  # tokens, after which the states are noted


class Trail:
    """The parser's stack of states along some tokens. A repair reads again only what follows the last note before it.

    So twenty mistakes at the end of a long declaration take as long as two readings, not twenty.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self._states, start, self._end = transitions()
        self._noted: list[list[Any]] = [[start]]  # after 0, 64, 128, ... tokens

    def stop(self) -> int | None:
        """Return the position of the first token that is not allowed, or None if there is none."""
        stack = [*self._noted[-1]]
        for at in range(EVERY * (len(self._noted) - 1), len(self.tokens)):
            if at == EVERY * len(self._noted):
                self._noted.append([*stack])
            if not self._takes(stack, self.tokens[at].type):
                return at
        return None

    def expected(self, at: int) -> frozenset[str]:
        """Return the kinds of tokens that are allowed at a position, up to which all are."""
        noted = min(at // EVERY, len(self._noted) - 1)
        stack = [*self._noted[noted]]
        for token in self.tokens[EVERY * noted : at]:
            self._takes(stack, token.type)
        return frozenset(kind for kind in self._states[stack[-1]] if kind.isupper() and self._takes([*stack], kind))

    def replace(self, tokens: list[Token]) -> None:
        """Take other tokens. What they begin with in common with those before is not read again."""
        same = [*map(is_, self.tokens, tokens), False].index(False)
        del self._noted[same // EVERY + 1 :]
        self.tokens = tokens

    def _takes(self, stack: list[Any], kind: str) -> bool:
        """Move the stack over a token of this kind. Return whether it is allowed."""
        while True:
            moves = self._states[stack[-1]]
            if kind not in moves:
                return False
            action, to = moves[kind]
            if action is Shift:
                stack.append(to)
                return True
            if to.expansion:
                del stack[-len(to.expansion) :]
            stack.append(self._states[stack[-1]][to.origin.name][1])
            if stack[-1] == self._end:
                return True
