"""The schedules of torch.optim.lr_scheduler: their words, arguments, ranges and defaults.

Lengths that torch wants as numbers follow from the run where they are not given: the whole run for `cosineannealing`,
`onecycle`, `linear` and `polynomial`.
"""

from __future__ import annotations

from archlang.recipes.arguments import (
    BELOW_ONE,
    COUNT,
    FLAG,
    FRACTION,
    FROM_ZERO,
    NOT_NEGATIVE,
    POSITIVE,
    REQUIRED,
    Number,
    Several,
    Word,
    known,
)

_FACTOR = Number("(0, 1]")
WHOLE_RUN = "(the whole run)"  # stands for the default of a length

SCHEDULES = {
    "constant": known("ConstantLR", factor=(FRACTION, 1 / 3), total_iters=(COUNT, 5)),
    "cosineannealing": known("CosineAnnealingLR", T_max=(COUNT, WHOLE_RUN), eta_min=(NOT_NEGATIVE, 0.0)),
    "cosineannealingwarmrestarts": known(
        "CosineAnnealingWarmRestarts", T_0=(COUNT, REQUIRED), T_mult=(COUNT, 1), eta_min=(NOT_NEGATIVE, 0.0)
    ),
    "cyclic": known(
        "CyclicLR",
        base_lr=(POSITIVE, REQUIRED),
        max_lr=(POSITIVE, REQUIRED),
        step_size_up=(COUNT, 2000),
        step_size_down=(COUNT, None),
        mode=(Word(("triangular", "triangular2", "exp_range")), "triangular"),
        gamma=(_FACTOR, 1.0),
        cycle_momentum=(FLAG, True),
        base_momentum=(BELOW_ONE, 0.8),
        max_momentum=(BELOW_ONE, 0.9),
    ),
    "exponential": known("ExponentialLR", gamma=(_FACTOR, REQUIRED)),
    "linear": known(
        "LinearLR", start_factor=(_FACTOR, 1 / 3), end_factor=(FRACTION, 1.0), total_iters=(COUNT, WHOLE_RUN)
    ),
    "multistep": known("MultiStepLR", milestones=(Several(COUNT, rising=True), REQUIRED), gamma=(_FACTOR, 0.1)),
    "onecycle": known(
        "OneCycleLR",
        max_lr=(POSITIVE, REQUIRED),
        total_steps=(COUNT, WHOLE_RUN),
        pct_start=(Number("(0, 1)"), 0.3),
        anneal_strategy=(Word(("cos", "linear")), "cos"),
        cycle_momentum=(FLAG, True),
        base_momentum=(BELOW_ONE, 0.85),
        max_momentum=(BELOW_ONE, 0.95),
        div_factor=(Number("[1, inf)"), 25.0),
        final_div_factor=(Number("[1, inf)"), 10000.0),
        three_phase=(FLAG, False),
    ),
    "polynomial": known("PolynomialLR", total_iters=(COUNT, WHOLE_RUN), power=(POSITIVE, 1.0)),
    "reduceonplateau": known(
        "ReduceLROnPlateau",
        mode=(Word(("min", "max")), "min"),
        factor=(Number("(0, 1)"), 0.1),
        patience=(FROM_ZERO, 10),
        threshold=(NOT_NEGATIVE, 0.0001),
        threshold_mode=(Word(("rel", "abs")), "rel"),
        cooldown=(FROM_ZERO, 0),
        min_lr=(NOT_NEGATIVE, 0),
        eps=(NOT_NEGATIVE, 1e-08),
    ),
    "step": known("StepLR", step_size=(COUNT, REQUIRED), gamma=(_FACTOR, 0.1)),
}

# `warmup 5` is torch's LinearLR over this many steps or epochs, up to the full rate
WARMUP = known("LinearLR", length=(COUNT, REQUIRED), start_factor=(_FACTOR, 0.01))
# the decay of early textbooks: the rate is divided by 1 + decay * t (CS231n, "Annealing the learning rate")
TIME_BASED = known("LambdaLR", decay=(POSITIVE, REQUIRED))

LENGTHS = {"cosineannealing": "T_max", "linear": "total_iters", "onecycle": "total_steps", "polynomial": "total_iters"}
