"""What a user's operator is refused with, also as `archlang.ops.OperatorsError`."""


class OperatorsError(ValueError):
    """A user's operator is not valid: its file fails, its word exists already, or its class is not complete."""
