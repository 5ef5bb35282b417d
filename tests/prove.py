"""Holds the zoo against torchvision, one net at a time, and writes what was found: `python -m tests.prove --write`.

Each net is one run of its test in `test_parity.py`, in a process of its own, so that the largest has the memory to
itself. Names as arguments prove these alone, and then `--write` leaves the other lines of docs/zoo.md as they stand.
"""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile

from archlang.files import write_whole
from tests.modules.test_parity import REFERENCE, sides
from tests.zoo.test_zoo import FAMILIES, nets

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "zoo.md"
HEAD = """# The nets of torchvision

The classifiers of torchvision, each as a net of a spec in `specs/`: `archlang check resnet50`, `archlang.load("resnet50").module()`.

Each was compared with torchvision's own module. The state dict loads with `strict=True`. The outputs in evaluation mode are `torch.equal`, and so are, in
training mode, the outputs, the gradients of all parameters and the running statistics after a step. Weights that start as a constant
(layer scales, class tokens, running statistics) were given random values first, because constants would hide differences. No net needed a tolerance.

`python -m tests.prove --write` compares them one at a time, each in a process of its own, and writes this page; the tests
compare those below 30 million parameters. Evaluation uses one image, training two. Seconds are processor time,
and GiB is the peak memory of the process. Used here: torch {torch}, torchvision {torchvision}, CPU.

| net | spec | input | trained at | parameters | MACs | keys | against torchvision | seconds | GiB |
"""  # noqa: E501
RULE = "|---|---|---|---|---|---|---|---|---|---|"


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of one net: seconds of the processor, and the peak of memory of the process that proved it."""

    name: str
    equal: bool
    cpu_seconds: float
    peak_bytes: int


def prove(name: str) -> Proof:
    """Run the parity test of one net; show pytest's output if it fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += [f"tests/modules/test_parity.py::test_equal_to_torchvision[{name}]"]
    with TemporaryFile("w+") as said:
        environment = {**os.environ, "ARCHLANG_LARGEST": "1000"}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            sys.stdout.write(said.read())
    return Proof(name, process.returncode == 0, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def page(proofs: list[Proof], before: str) -> str:
    """Return the page: the table of all nets, family by family; a net that is not among the proofs keeps its line."""
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in before.splitlines() if "/specs/" in line}
    families = {graph.name: family for family in FAMILIES for graph in nets(family)}
    rows |= {proof.name: f"| {' | '.join(_row(families[proof.name], proof))} |" for proof in proofs}
    versions = {name: version(name).partition("+")[0] for name in ("torch", "torchvision")}
    return "\n".join([HEAD.format(**versions) + RULE, *(rows[name] for name in families if name in rows), ""])


def _row(family: str, proof: Proof) -> list[str]:
    expected = REFERENCE[proof.name]
    evaluated, trained = sides(proof.name)
    return [
        proof.name,
        f"[{family}.arch](../specs/{family}.arch)",
        f"3x{evaluated}x{evaluated}",
        f"{trained}x{trained}",
        f"{expected['params']:,}",
        f"{expected['macs']:,}",
        f"{expected['state_dict_entries']:,}",
        "equal" if proof.equal else "differs",
        f"{proof.cpu_seconds:.0f}",
        f"{proof.peak_bytes / 2**30:.1f}",
    ]


def main() -> int:
    """Prove, print a line for each net, write the page if asked for; return 1 if a net differs."""
    parser = ArgumentParser(prog="python -m tests.prove", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a net, such as swin_t; all where none is named")
    parser.add_argument("--write", action="store_true", help="write docs/zoo.md")
    given = parser.parse_args()
    if unknown := sorted({*given.names} - REFERENCE.keys()):
        parser.error(f"torchvision has no classifier called {', '.join(unknown)}")
    names = given.names or list(REFERENCE)
    proofs: list[Proof] = []
    for name in names:
        proofs.append(prove(name))
        told = proofs[-1]
        verdict = "equal" if told.equal else "differs"
        sys.stdout.write(f"{name}: {verdict}, {told.cpu_seconds:.0f} s, {told.peak_bytes / 2**30:.1f} GiB\n")
        sys.stdout.flush()
    if given.write:
        write_whole(PAGE, page(proofs, PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""))
    return 0 if all(proof.equal for proof in proofs) else 1


if __name__ == "__main__":
    raise SystemExit(main())
