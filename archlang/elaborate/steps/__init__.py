"""Turns steps into nodes: operators, calls, braces, branches, loops."""
