"""Faults that once survived every test, planted one at a time: each must be noticed. `python -m tests.planted`.

A fault is a piece of a file and what stands in its place. The command says where the piece is no longer found: then the
fault is written anew, for the code that does its work now.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from dataclasses import dataclass

from tests.mutants.faults import ROOT, Fault
from tests.mutants.planting import planted, warm

SECONDS = 120  # of processor time for the tests of one fault


@dataclass(frozen=True, slots=True)
class Named:
    """A fault: what it breaks, the file in archlang/, the piece and its replacement, and the tests that must fail.

    A test is a file, a function of one, or one case of a function.
    """

    breaks: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]

    def fault(self) -> Fault:
        """Return the fault in the file as it is today. Raises SystemExit where the piece is not found exactly once."""
        path = ROOT / "archlang" / self.file
        text = path.read_text(encoding="utf-8")
        if (count := text.count(self.before)) != 1:
            raise SystemExit(f"{self.breaks}: archlang/{self.file} has this {count} times, not once:\n{self.before}")
        start = text.index(self.before)
        first = text.rfind("\n", 0, start) + 1
        line = text.count("\n", 0, start) + 1
        row = text[first:].partition("\n")[0].strip()
        return Fault(path, line, row, start - first, start, start + len(self.before), self.before, self.after)


EMITTED, SHARING, LAWS = (
    "tests/lower/test_emitted.py",
    "tests/elaborate/test_sharing.py",
    "tests/ops/test_laws.py::test_examples_keep_the_laws",
)
MEMORY, UNREACHED, CONVENTIONS = (f"tests/facts/test_{name}.py" for name in ("memory", "unreached", "conventions"))
FAULTS = (
    Named(
        "`freeze` of a step of a chain",
        "program/regions.py",
        "if self.name is None and (self.block.frozen or self.ties or self.guards):",
        "if self.name is None and (self.ties or self.guards):",
        (f"{EMITTED}::test_what_is_frozen_is_not_trained",),
    ),
    Named(
        "the value, in evaluation, of what runs in training alone",
        "lower/forward.py",
        "        if absent:\n",
        "        if False:\n",
        (f"{EMITTED}::test_a_source_that_passes_the_audit_runs",),
    ),
    Named(
        "the attribute of a labelled step without weights",
        "lower/forward.py",
        "isinstance(entry, Call) and name.isdigit() and entry.is_stateless",
        "isinstance(entry, Call) and entry.is_stateless",
        (f"{EMITTED}::test_a_label_is_an_attribute_whatever_it_labels",),
    ),
    Named(
        "`reuse` of a convolution that would pad otherwise",
        "elaborate/steps/sharing.py",
        "    if op.torch(*applied.types) != op.torch(*types):\n",
        "    if False:\n",
        (f"{SHARING}::test_a_convolution_that_would_pad_otherwise_is_not_applied_again",),
    ),
    Named(
        "the backward work of dropout in training",
        "ops/law.py",
        "        work = self.training_work(*inputs)\n",
        "        work = self.work(*inputs)\n",
        (f"{CONVENTIONS}::test_dropout_works_in_training_in_both_passes",),
    ),
    Named(
        "the images of a step that takes a parameter",
        "facts/work.py",
        'any("n" in type.axes for type in types)',
        'all("n" in type.axes for type in types)',
        (f"{CONVENTIONS}::test_work_that_involves_an_image_grows_with_the_batch",),
    ),
    Named(
        "the variables of several results, in a region and in memory",
        "program/regions.py",
        "            if len(entry.outputs) > 1:\n                kept.update(entry.outputs)\n",
        "",
        (f"{MEMORY}::test_the_peak_is_torchs[several at once-training]",),
    ),
    Named(
        "the folding of calls in a report, which feed one another",
        "report/lines.py",
        " or one.outputs != other.inputs",
        "",
        ("tests/reports/test_report.py", "tests/reports/test_columns.py"),
    ),
    Named(
        "the limit of layers, for blocks that are inlined",
        "elaborate/state/builder.py",
        "        if self.contents.layers > most:\n            message",
        "        if made.layers > most:\n            message",
        (f"{SHARING}::test_inlined_layers_count_towards_the_limit_of_layers",),
    ),
    Named(
        "the steps of lrn",
        "ops/course_norms.py",
        "divisor = calls.run(power, sums, holds=(means,))",
        "divisor = calls.run(power, sums)",
        (f"{LAWS}[temporaries-lrn]",),
    ),
    Named(
        "the steps of maximum",
        "ops/alike.py",
        "        return True if len(inputs) == 2 and inputs[0].shape == inputs[1].shape else None\n",
        "        return True\n",
        (f"{LAWS}[backward in one call-maximum]",),
    ),
    Named(
        "the gradient places of average",
        "ops/alike.py",
        '"shared" if x.shape == y.shape else "new"',
        '"new"',
        (f"{LAWS}[gradient places-average]",),
    ),
    Named(
        "the layout of stack",
        "ops/joining.py",
        "return ((*along[:at], along[at] * size, *along[at:]),)",
        "return ((*along[:at], along[at], *along[at:]),)",
        (f"{LAWS}[layouts-stack]",),
    ),
    Named(
        "the memory of unfold where its stride leaves a rest",
        "ops/patches.py",
        "(max(prod(known.shape) - prod(y.shape), 0),)",
        "(0,)",
        (f"{LAWS}[storages-unfold]",),
    ),
    Named(
        "the second gradient of a linear's weight",
        "ops/linear.py",
        '        return ("weight", "bias") if len(x.axes) == 2 else (0, "weight", "bias")\n',
        "        return ()\n",
        (f"{MEMORY}::test_the_peak_is_torchs[twice the same linear-training]",),
    ),
    Named(
        "what lstm_cell saves where its cell alone is used",
        "ops/cells.py",
        'name="mapped", outputs=(0,))',
        'name="mapped")',
        (f"{UNREACHED}::test_saved_bytes_are_those_alive_after_the_forward_pass",),
    ),
)


def main() -> int:
    """Run the command; return 1 if a fault survives."""
    parser = ArgumentParser(prog="python -m tests.planted", description=__doc__)
    parser.add_argument("words", nargs="*", help="words of the faults to plant (all)")
    chosen = parser.parse_args()
    faults = [(one, one.fault()) for one in FAULTS]
    warm()
    survived = 0
    for one, fault in faults:
        if not all(word in one.breaks for word in chosen.words):
            continue
        killer, timed_out = planted(fault, one.tests, SECONDS)
        noticed = killer or ("the clock" if timed_out else "")
        survived += not noticed
        told = f"{'red     ' if noticed else 'SURVIVED'}  {one.breaks}  [{noticed or ', '.join(one.tests)}]"
        sys.stdout.write(f"{told}\n")
        sys.stdout.flush()
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
