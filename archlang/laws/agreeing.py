"""How a law is broken: what the operator says beside what torch does."""

from __future__ import annotations


class Broken(AssertionError):
    """An operator says one thing and torch does another."""


class Undeclared(Exception):
    """The operator does not declare what the law is about."""

    def __init__(self, *questions: str) -> None:
        super().__init__(", ".join(f"`{question}`" for question in questions))


def agree(what: str, told: object, found: object) -> None:
    """Raise `Broken` unless what the operator says equals what was found."""
    if told != found:
        raise Broken(f"{what}: the operator says {told}, torch {found}")
