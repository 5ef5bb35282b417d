"""Syntax colours for .arch: a lexer for Pygments and a grammar for editors, both made from one list of words."""
