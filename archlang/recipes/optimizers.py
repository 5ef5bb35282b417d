"""The optimisers of torch.optim: their words, arguments, ranges and defaults.

A test holds names and defaults against the installed torch. How an optimiser runs (foreach, fused, capturable) is not
the recipe's matter, and is left out.
"""

from __future__ import annotations

from archlang.recipes.arguments import (
    ANY,
    BELOW_ONE,
    FLAG,
    FRACTION,
    NOT_NEGATIVE,
    POSITIVE,
    Number,
    Several,
    Word,
    known,
)

_BETAS = (Several(BELOW_ONE, (2,)), (0.9, 0.999))
_NONE = (NOT_NEGATIVE, 0)  # no weight decay

OPTIMIZERS = {
    "adadelta": known("Adadelta", lr=(POSITIVE, 1.0), rho=(FRACTION, 0.9), eps=(POSITIVE, 1e-06), weight_decay=_NONE),
    "adafactor": known(
        "Adafactor",
        lr=(POSITIVE, 0.01),
        beta2_decay=(Number("(-inf, 0]"), -0.8),
        d=(Number("[1, inf)"), 1.0),
        weight_decay=(NOT_NEGATIVE, 0.0),
    ),
    "adagrad": known(
        "Adagrad",
        lr=(POSITIVE, 0.01),
        lr_decay=(NOT_NEGATIVE, 0),
        weight_decay=_NONE,
        initial_accumulator_value=(NOT_NEGATIVE, 0),
        eps=(POSITIVE, 1e-10),
    ),
    "adam": known(
        "Adam", lr=(POSITIVE, 0.001), betas=_BETAS, eps=(POSITIVE, 1e-08), weight_decay=_NONE, amsgrad=(FLAG, False)
    ),
    "adamax": known("Adamax", lr=(POSITIVE, 0.002), betas=_BETAS, eps=(POSITIVE, 1e-08), weight_decay=_NONE),
    "adamw": known(
        "AdamW",
        lr=(POSITIVE, 0.001),
        betas=_BETAS,
        eps=(POSITIVE, 1e-08),
        weight_decay=(NOT_NEGATIVE, 0.01),
        amsgrad=(FLAG, False),
    ),
    "asgd": known(
        "ASGD",
        lr=(POSITIVE, 0.01),
        lambd=(NOT_NEGATIVE, 0.0001),
        alpha=(FRACTION, 0.75),
        t0=(POSITIVE, 1000000.0),
        weight_decay=_NONE,
    ),
    "muon": known(
        "Muon",
        lr=(POSITIVE, 0.001),
        weight_decay=(NOT_NEGATIVE, 0.1),
        momentum=(BELOW_ONE, 0.95),
        nesterov=(FLAG, True),
        ns_coefficients=(Several(ANY, (3,)), (3.4445, -4.775, 2.0315)),
        eps=(POSITIVE, 1e-07),
        ns_steps=(Number("[1, 99]", whole=True), 5),
        adjust_lr_fn=(Word(("original", "match_rms_adamw")), None),
    ),
    "nadam": known(
        "NAdam",
        lr=(POSITIVE, 0.002),
        betas=_BETAS,
        eps=(POSITIVE, 1e-08),
        weight_decay=_NONE,
        momentum_decay=(NOT_NEGATIVE, 0.004),
        decoupled_weight_decay=(FLAG, False),
    ),
    "radam": known(
        "RAdam",
        lr=(POSITIVE, 0.001),
        betas=_BETAS,
        eps=(POSITIVE, 1e-08),
        weight_decay=_NONE,
        decoupled_weight_decay=(FLAG, False),
    ),
    "rmsprop": known(
        "RMSprop",
        lr=(POSITIVE, 0.01),
        alpha=(BELOW_ONE, 0.99),
        eps=(POSITIVE, 1e-08),
        weight_decay=_NONE,
        momentum=(BELOW_ONE, 0),
        centered=(FLAG, False),
    ),
    "rprop": known(
        "Rprop",
        lr=(POSITIVE, 0.01),
        etas=(Several(POSITIVE, (2,), rising=True), (0.5, 1.2)),
        step_sizes=(Several(POSITIVE, (2,), rising=True), (1e-06, 50)),
    ),
    "sgd": known(
        "SGD",
        lr=(POSITIVE, 0.001),
        momentum=(BELOW_ONE, 0),
        dampening=(FRACTION, 0),
        weight_decay=_NONE,
        nesterov=(FLAG, False),
    ),
}

MATRICES = frozenset({"muon"})  # these train parameters of two axes alone

ELSEWHERE = {
    "sparseadam": "it takes sparse gradients, which no net of archlang has",
    "lbfgs": "it computes the loss several times in each step, which the other settings do not allow for",
    "lion": "torch.optim has no Lion",
}
