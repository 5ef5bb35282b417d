"""Evaluates expressions to values and binds arguments to parameters."""
