"""Expressions to values, and arguments to parameters."""
