"""Colours for .arch: a lexer for Pygments, a grammar for editors, and the one list of words that both are made from."""
