"""Random valid nets over the whole language, and what must hold of each: `python -m tests.generated`.

A net follows from a seed and a number alone. `scene` knows which values stand where, `nodes` are the statements that a
text is made of, `growing` and its neighbours draw them, `holding` compares a net with torch and with the interpreter.
"""
