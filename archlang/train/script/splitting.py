"""The functions of a script that choose which samples train, and which are held out."""

from __future__ import annotations

from archlang.recipes.recipe import Part
from archlang.train.script.plan import Script

_EVEN = '''
def halves(samples):
    """Return the samples to train on and those held out, which are spread evenly."""
    counted = [int(at * SHARE + 1e-9) for at in range(len(samples) + 1)]
    held_out = [counted[at + 1] > counted[at] for at in range(len(samples))]
    training = [one for one, is_out in zip(samples, held_out, strict=True) if not is_out]
    return training, [one for one, is_out in zip(samples, held_out, strict=True) if is_out]
'''

_SHUFFLED = '''
def drawn(text):
    """Return a number below 2**48 that follows from a text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big")


def halves(samples):
    """Return the samples to train on and those held out, drawn alike for each run."""
    order = sorted(range(len(samples)), key=lambda at: drawn(str(at)))
    chosen = set(order[: round(len(samples) * SHARE)])
    training = [one for at, one in enumerate(samples) if at not in chosen]
    return training, [one for at, one in enumerate(samples) if at in chosen]
'''

_NAMED = '''
def drawn(text):
    """Return a number below 2**48 that follows from a text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big")


def halves(samples, names):
    """Return the samples to train on and those held out, by a hash of their names."""
    held_out = [drawn(name) / 2**48 < SHARE for name in names]
    training = [one for one, is_out in zip(samples, held_out, strict=True) if not is_out]
    return training, [one for one, is_out in zip(samples, held_out, strict=True) if is_out]
'''

_ROWS = '''
def split(fields):
    """Return the samples to train on and those held out, which are spread evenly."""
    counted = torch.arange(len(fields["FIELD"]) + 1, dtype=torch.float64) * SHARE
    held_out = (counted + 1e-9).floor().diff() > 0
    training = {name: rows[~held_out] for name, rows in fields.items()}
    return training, {name: rows[held_out] for name, rows in fields.items()}
'''

_CHOSEN_ROWS = '''
def split(fields):
    """Return the samples to train on and those held out."""
    training, held_out = (torch.tensor(half) for half in halves(range(len(fields["FIELD"]))))
    chosen = {name: rows[training] for name, rows in fields.items()}
    return chosen, {name: rows[held_out] for name, rows in fields.items()}
'''

_HALVES = {"even": _EVEN, "shuffled": _SHUFFLED, "name": _NAMED}


def way_of(part: Part) -> str:
    """Return how the samples of a kind of data are split: `even`, `shuffled` or `name`."""
    return str(part.arguments.get("split", "even"))


def add_halves(part: Part, script: Script) -> None:
    """Write `halves`, which splits a sequence."""
    way = way_of(part)
    script.add(_HALVES[way].replace("SHARE", repr(part.number("held_out"))))
    if way != "even":
        script.imports.add("import hashlib")


def add_split(part: Part, field: str, script: Script) -> None:
    """Write `split`, which splits the rows of tensors; `field` is one that each sample has."""
    if way_of(part) == "even":
        script.add(_ROWS.replace("SHARE", repr(part.number("held_out"))).replace("FIELD", field), "import torch")
        return
    add_halves(part, script)
    script.add(_CHOSEN_ROWS.replace("FIELD", field), "import torch")


def halved(part: Part, samples: str, names: str) -> str:
    """Return the call that splits a sequence; `names` is the expression of the names of its samples."""
    return f"halves({samples}, {names})" if way_of(part) == "name" else f"halves({samples})"
