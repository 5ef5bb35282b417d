"""The error for a user's operator that is not valid; also available as `archlang.ops.OperatorsError`."""


class OperatorsError(ValueError):
    """A user's operator is not valid: its file fails, its word exists already, or its class is not complete."""
