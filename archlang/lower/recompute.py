"""The helper functions of a source with recomputed calls."""

from __future__ import annotations

from archlang.program import Program

FUNCTION = "recompute"  # the function that recomputed calls use: `x = recompute(self.layer1, x)`

IMPORTS = ("from contextlib import contextmanager, nullcontext",)
TORCH_IMPORTS = ("from torch.utils.checkpoint import checkpoint",)
NAMES = frozenset({"contextmanager", "nullcontext", "checkpoint", FUNCTION, "unchanged_statistics"})

SOURCE = '''
@contextmanager
def unchanged_statistics(module):
    """Run a module again without a second update of the running statistics of its norms."""
    norms = [part for part in module.modules() if hasattr(part, "track_running_stats")]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, batches) in zip(norms, before):
            norm.momentum, norm.num_batches_tracked = momentum, batches


def recompute(module, *inputs):
    """Call a module and keep its inputs alone; the backward pass calls it again."""

    def contexts():
        return nullcontext(), unchanged_statistics(module)

    return checkpoint(module, *inputs, use_reentrant=False, context_fn=contexts)
'''


def recomputes(program: Program) -> bool:
    """Return whether any call of a Program is recomputed."""
    return any(call.recomputed for call in program.walk())
