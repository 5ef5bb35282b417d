"""The statements `param` and `buffer`: tensors that a net holds itself."""

from __future__ import annotations

from archlang import ir
from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.clauses import step_labels
from archlang.elaborate.clauses.inputs_outputs import written_dtype, written_sizes
from archlang.elaborate.evaluating.block_parameters import name_span
from archlang.elaborate.evaluating.evaluate import truth
from archlang.elaborate.evaluating.initial_values import written_initialiser
from archlang.elaborate.state.builder import Applied, At
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.open_sizes import fixed
from archlang.elaborate.state.session import Here
from archlang.elaborate.vocabulary.suggest import did_you_mean
from archlang.ops import registry


def run_param(item: s.Param, here: Here) -> None:
    """Add a tensor of the net's own: a value under its label, and a key of the state dict. `it` stays what it was."""
    word = "buffer" if item.buffer else "param"
    sizes = written_sizes(item.shape, here)
    shape = fixed(sizes, item.shape.span, here)
    dtype, init, kept = "float32", None, None
    for option in item.options:
        if option.name == "dtype":
            dtype = written_dtype(option)
        elif option.name == "init":
            init = option
        elif option.name == "persistent" and item.buffer:
            kept = truth(option.value, here)
        else:
            known = ["init", "dtype", *(["persistent"] if item.buffer else [])]
            help = did_you_mean(option.name or "", known)
            if option.name == "persistent":
                help = "a parameter is always in the state dict; write `buffer` for what training leaves alone"
            message = f"a {word} has no `{option.name}`, only {', '.join(f'`{one}`' for one in known)}"
            raise Mistake(Rejected("unknown-argument", message, help=help), name_span(option))
    if init is None:
        help = "write `init=zeros`, `init=normal(0.02)` or another initialiser"
        message = f"a {word} needs `init`, which sets its first values"
        raise Mistake(Rejected("missing-argument", message, help=help), item.span)
    chosen, values = written_initialiser(init.value, len(sizes), here)
    label = step_labels.label_of(item.label, here)
    assert label is not None
    name = step_labels.claim_key(label, here)
    if not name.isidentifier():
        raise Mistake(Rejected("bad-label", f"the name of a {word} is one word, not `{name}`"), item.label.span)
    try:
        told = {"shape": shape, "init": chosen, "values": values, "dtype": dtype}
        op = registry()[word].model_validate(told if kept is None else {**told, "persistent": kept})
        types = op.outputs()
    except Rejected as rejected:
        raise Mistake(rejected, init.value.span if rejected.about == "init" else item.span) from None
    (value,) = here.builder.add_op(op, types, (), At(here.scope.path, name, item.span))
    here.builder.remember(ir.join_path(here.scope.path, name), Applied(op, (), "", item.span))
    step_labels.bind(label, value, here)
