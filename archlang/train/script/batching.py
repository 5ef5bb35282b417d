"""The functions of a script that give its batches."""

from __future__ import annotations

from archlang.train.script.plan import Plan, Script
from archlang.train.script.reading import Reading
from archlang.train.script.transforming import Transforming

_KEY = '''
def key(*parts):
    """Return a seed that follows from its parts, such as ("sample", epoch, index).

    So no draw depends on another: not on the number of workers, nor on what ran before.
    """
    text = " ".join(map(str, (SEED, *parts))).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1
'''

_ROWS = '''
def batches(fields, epoch):
    """Yield the batches of an epoch, in an order of its own."""
    generator = torch.Generator().manual_seed(key("order", epoch))
    order = torch.randperm(len(fields["FIELD"]), generator=generator)
    for chosen in order.split(BATCH):
        if len(chosen) > 1:  # batch norm cannot train on one sample
            yield {name: rows[chosen] for name, rows in fields.items()}
'''

_AUGMENTED = '''
def batches(fields, augment, epoch):
    """Yield the batches of an epoch in an order of its own, with augmented images."""
    generator = torch.Generator().manual_seed(key("order", epoch))
    order = torch.randperm(len(fields["FIELD"]), generator=generator)
    for chosen in order.split(BATCH):
        if len(chosen) > 1:  # batch norm cannot train on one sample
            batch = {name: rows[chosen] for name, rows in fields.items()}
            images = []
            for index in chosen.tolist():
                torch.default_generator.manual_seed(key("sample", epoch, index))
                images.append(augment(fields["image"][index]))
            batch["image"] = torch.stack(images)
            yield batch
'''

_MOVED = '''
def batches(fields, augment, epoch):
    """Yield the batches of an epoch in an order of its own, with augmented samples."""
    generator = torch.Generator().manual_seed(key("order", epoch))
    order = torch.randperm(len(fields["FIELD"]), generator=generator)
    for chosen in order.split(BATCH):
        if len(chosen) > 1:  # batch norm cannot train on one sample
            samples = []
            for index in chosen.tolist():
                torch.default_generator.manual_seed(key("sample", epoch, index))
                sample = {name: rows[index] for name, rows in fields.items()}
                samples.append(moved(sample, augment))
            yield torch.utils.data.default_collate(samples)
'''

_LOADED = '''
def batches(samples, epoch, workers):
    """Return the batches of an epoch, in an order of its own."""
    generator = torch.Generator().manual_seed(key("order", epoch))
    KEYS
    # batch norm cannot train on one sample: a last batch of one is left out
    chosen = [keys[at : at + BATCH] for at in range(0, len(keys) - 1, BATCH)]
    return torch.utils.data.DataLoader(
        samples, batch_sampler=chosen, num_workers=workers
    )


def held_out_batches(samples, workers):
    """Return the batches of the held-out samples, in order."""
    indices = range(len(samples))
    chosen = [indices[at : at + SIZE] for at in range(0, len(samples), SIZE)]
    return torch.utils.data.DataLoader(
        samples,
        batch_sampler=chosen,
        num_workers=workers,
        generator=torch.Generator(),
    )
'''

_HELD_OUT = '''
def held_out_batches(fields):
    """Yield the batches of the held-out samples, in order."""
    for start in range(0, len(fields["FIELD"]), SIZE):
        yield {name: rows[start : start + SIZE] for name, rows in fields.items()}
'''

_VIEWED = '''
def held_out_batches(fields, view):
    """Yield the batches of the held-out samples, in order."""
    for start in range(0, len(fields["FIELD"]), SIZE):
        batch = {name: rows[start : start + SIZE] for name, rows in fields.items()}
        yield {**batch, "image": view(batch["image"])}
'''

_MOVED_VIEW = '''
def held_out_batches(fields, view):
    """Yield the batches of the held-out samples, in order."""
    for start in range(0, len(fields["FIELD"]), SIZE):
        yield moved({name: rows[start : start + SIZE] for name, rows in fields.items()}, view)
'''

_INDICES = "keys = torch.randperm(len(samples), generator=generator).tolist()"
_KEYS_OF_EPOCH = f"""{_INDICES.replace("keys", "order")}
    keys = [(epoch, index) for index in order]"""
_WORKERS = "held_out, options.workers"
_PARTS = '''
def parts_of(batch):
    """Return a batch in ACCUMULATE parts, which differ by one sample at most."""
    split = {name: rows.tensor_split(ACCUMULATE) for name, rows in batch.items()}
    return [{name: rows[at] for name, rows in split.items()} for at in range(ACCUMULATE)]
'''


def batching(plan: Plan, reading: Reading, transforms: Transforming, script: Script) -> tuple[str, str]:
    """Write the functions of the batches; return the calls of those of an epoch, and of the held-out ones."""
    recipe = plan.recipe
    size = "BATCH" if recipe.accumulate == 1 else "AT_ONCE"
    if not reading.in_memory:
        keys = _KEYS_OF_EPOCH if transforms.augment else _INDICES
        texts, calls = [_LOADED.replace("KEYS", keys)], ("batches(training, epoch, options.workers)", _WORKERS)
    else:
        augmented, viewed = (_MOVED, _MOVED_VIEW) if plan.moved else (_AUGMENTED, _VIEWED)
        rows, call = (augmented, "augment, ") if transforms.augment else (_ROWS, "")
        texts, calls = [rows, _HELD_OUT], (f"batches(training, {call}epoch)", "held_out")
        if transforms.view:
            texts, calls = [rows, viewed], (calls[0], f"held_out, {transforms.view}")
    for text in texts:
        one = text.replace("FIELD", plan.target).replace(" SIZE", f" {size}")
        if recipe.batch == 1:
            one = _without_condition(one)
        if recipe.accumulate > 1:
            one = _of_parts(one, "2 * ACCUMULATE" if recipe.batch >= 2 * recipe.accumulate else "BATCH")
        script.add(one, "import torch")
    if recipe.accumulate > 1:
        script.add(_PARTS)
    return calls


def add_key(script: Script) -> None:
    """Write the function of the seeds."""
    script.add(_KEY, "import hashlib")


def _of_parts(text: str, least: str) -> str:
    """Return the function for batches in parts: the last one is left out if it has not two samples for each part."""
    text = text.replace("if len(chosen) > 1:", f"if len(chosen) >= {least}:")
    text = text.replace("a last batch of one is left out", "a last batch with such parts is left out")
    return text.replace("len(keys) - 1, BATCH", f"len(keys) - {least} + 1, BATCH")


def _without_condition(text: str) -> str:
    """Return the function for batches of one sample, of which none is left out."""
    head, found, body = text.partition("        if len(chosen) > 1:  # batch norm cannot train on one sample\n")
    if not found:
        rows = text.replace("len(keys) - 1, BATCH", "len(keys), BATCH").split("\n")
        return "\n".join(row for row in rows if "batch norm cannot" not in row)
    return head + "\n".join(row.removeprefix("    ") for row in body.split("\n"))
