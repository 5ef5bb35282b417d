"""The helper functions of a source with recomputed calls."""

from __future__ import annotations

from archlang.ir import OpNode
from archlang.program import Program

FUNCTION = "recompute"  # the function that recomputed calls use: `x = recompute(self.layer1, x)`

IMPORTS = ("from contextlib import contextmanager, nullcontext",)
_WHOLE = "set_checkpoint_early_stop"
NAMES = frozenset({"contextmanager", "nullcontext", "checkpoint", FUNCTION, "unchanged_statistics", _WHOLE})

_SOURCE = '''
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
_CALL = "    return checkpoint("
_TO_THE_END = f"""    # rrelu keeps its noise before it draws it: running again must not stop there
    with {_WHOLE}(False):
        return checkpoint("""


def source(program: Program) -> str:
    """Return the helpers. torch stops to run again at the last tensor that is saved, which may have no values yet."""
    return _SOURCE.replace(_CALL, _TO_THE_END) if _runs_to_the_end(program) else _SOURCE


def torch_imports(program: Program) -> tuple[str, ...]:
    """Return the import line of what the helpers use of torch."""
    names = ["checkpoint", *([_WHOLE] if _runs_to_the_end(program) else [])]
    return (f"from torch.utils.checkpoint import {', '.join(names)}",)


def _runs_to_the_end(program: Program) -> bool:
    return any(isinstance(call.node, OpNode) and call.node.op.saves_unfilled for call in program.walk())


def recomputes(program: Program) -> bool:
    """Return whether any call of a Program is recomputed."""
    return any(call.recomputed for call in program.walk())
