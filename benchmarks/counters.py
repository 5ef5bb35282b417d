"""What the well-known counters print for ten nets, against the exact MACs, and why: `python -m benchmarks.counters`.

Prints Markdown; docs/benchmarks/counters.md is its output with a date. One image of 3x224x224, evaluation. The truth is
tests/reference/truth.json; archlang counts the nets that it ships.

The counters are no dependencies of archlang, and nothing is installed here. In an environment of its own, with torch
2.13.0 and torchvision 0.28.0:

    pip install --no-deps torchinfo==1.8.0 fvcore==0.1.5.post20221221 iopath==0.1.10 ptflops==0.7.5 \
        thop==0.1.1.post2209072238 calflops==0.3.2 transformers==4.57.1 huggingface_hub==0.35.3 tokenizers==0.22.1 \
        accelerate safetensors regex
    pip install yacs tabulate termcolor portalocker pyyaml requests tqdm psutil

(calflops imports transformers and accelerate.) Each counter runs in a process of its own, as some of them patch torch.
Exits with 1 where a counter differs from the truth by more or less than its reasons say (benchmarks/reasons.py).
"""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.reasons import LAWS, excess, features

NETS = (
    "vgg16", "alexnet", "resnet50", "resnext50_32x4d", "densenet121", "googlenet", "mobilenet_v2", "efficientnet_b0",
    "convnext_tiny", "vit_b_16",
)  # fmt: skip
TRUTH = Path(__file__).parent.parent / "tests" / "reference" / "truth.json"
SHAPE = (1, 3, 224, 224)
BOTH_WAYS = "torch, forward and backward"
Counts = Mapping[str, Mapping[str, int]]  # by counter and net


def _torchinfo(module: Any) -> Any:
    return import_module("torchinfo").summary(module, input_size=SHAPE, device="meta", verbose=0).total_mult_adds


def _fvcore(module: Any) -> Any:
    analysis = import_module("fvcore.nn").FlopCountAnalysis(module, _image())
    return analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total()


def _ptflops(module: Any) -> Any:
    count = import_module("ptflops").get_model_complexity_info
    return count(module, SHAPE[1:], as_strings=False, print_per_layer_stat=False, backend="pytorch")[0]


def _thop(module: Any) -> Any:
    return import_module("thop").profile(module, inputs=(_image(),), verbose=False)[0]


def _calflops(module: Any) -> Any:
    count = import_module("calflops").calculate_flops
    return count(module, input_shape=SHAPE, output_as_string=False, print_results=False)[1]


def _torch(module: Any, device: str = "meta", backward: bool = False) -> Any:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(backward):
        result = module.to(device)(_image(device))
        if backward:
            result.sum().backward()
    return counter.get_total_flops() / 2


COUNTERS: Mapping[str, Callable[[Any], Any]] = {
    "torchinfo": _torchinfo,
    "fvcore": _fvcore,
    "ptflops": _ptflops,
    "thop": _thop,
    "calflops": _calflops,
    "torch, meta": _torch,
    "torch, CPU": lambda module: _torch(module, "cpu"),
    BOTH_WAYS: lambda module: _torch(module, backward=True),
}


def _image(device: str = "cpu") -> Any:
    import torch

    return torch.zeros(SHAPE, device=device)


def _models() -> Any:
    """Return torchvision's models; where its compiled operators are absent, it needs two of them to be known."""
    import torch

    library: Any = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return import_module("torchvision.models")


def _count(what: str) -> dict[str, Any]:
    """Return what one counter says of each net, or, of `features`, what passes through each."""
    models = _models()
    found: dict[str, Any] = {}
    for name in NETS:
        module = getattr(models, name)(**({"init_weights": False} if name == "googlenet" else {})).eval()
        counted = features(module.to("meta"), _image("meta")) if what == "features" else int(COUNTERS[what](module))
        found[name] = counted
    return found


def _apart(what: str) -> Any:
    """Return the same, in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.counters", "--only", what]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    if child.returncode:
        raise SystemExit(f"{what} fails:\n{child.stderr}")
    return json.loads(child.stdout)


def _archlang(name: str) -> str:
    from archlang import CallError, load
    from archlang.facts.passes import passes

    try:
        graph = load(name).graph
    except CallError:  # archlang ships no such net yet
        return "-"
    both = passes(graph)
    return f"{both.forward.macs:,} / {both.forward.macs + both.backward.macs:,}"


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _error(said: int, truth: int) -> str:
    return "exact" if said == truth else f"{said:,} ({(said - truth) / truth:+.2%})"


def _report(counted: Counts, truth: Counts, found: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    names = ("torchinfo", "fvcore", "ptflops", "thop", "calflops", "torch")
    yield "Versions: " + ", ".join(f"{name} {version(name)}" for name in (*names, "torchvision")) + ".\n"
    head = ("net", "exact MACs, forward / forward and backward", "archlang", *counted)
    table = [
        [
            net,
            f"{truth['torch, meta'][net]:,} / {truth[BOTH_WAYS][net]:,}",
            _archlang(net),
            *(_error(said[net], truth[name][net]) for name, said in counted.items()),
        ]
        for net in NETS
    ]
    yield from _rows(head, table)
    yield "\nWhat each reason adds, in MACs; the sums are the differences above, to the last digit.\n"
    reasons = [
        [name, reason, *(f"{excess(law, found[net])[at]:,}" for net in NETS)]
        for name, law in LAWS.items()
        for at, (reason, _) in enumerate(law)
    ]
    yield from _rows(("counter", "reason", *NETS), reasons)


def main() -> None:
    """Print the tables; of `--only NAME`, the figures of one counter as JSON."""
    parser = ArgumentParser(prog="python -m benchmarks.counters", description="What the well-known counters print.")
    parser.add_argument("--only", choices=["features", *COUNTERS])
    chosen = parser.parse_args()
    if chosen.only:
        with redirect_stdout(sys.stderr):  # the counters talk
            found = _count(chosen.only)
        sys.stdout.write(json.dumps(found))
        return
    models = json.loads(TRUTH.read_text(encoding="utf-8"))["models"]
    keys = {name: "fwd_bwd_macs_exact" if name == BOTH_WAYS else "macs" for name in COUNTERS}
    truth = {name: {net: models[net][key] for net in NETS} for name, key in keys.items()}
    counted = {name: _apart(name) for name in COUNTERS}
    found = _apart("features")
    sys.stdout.write("\n".join(_report(counted, truth, found)) + "\n")
    for name, law in LAWS.items():
        for net in NETS:
            left = counted[name][net] - truth[name][net] - sum(excess(law, found[net]))
            if left:
                raise SystemExit(f"{name} differs on {net} by {left:,} that no reason explains")


if __name__ == "__main__":
    main()
