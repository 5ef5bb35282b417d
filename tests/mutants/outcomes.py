"""What became of each fault: printed, counted, and noted in a folder for the next run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.faults import Fault


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a fault: noticed by a test, stopped by the clock, survived, or met by no test."""

    fault: Fault
    killer: str = ""
    timed_out: bool = False
    tests: int = 0
    earlier: bool = False  # it was found in an earlier run

    @property
    def killed(self) -> bool:
        return bool(self.killer) or self.timed_out

    def __str__(self) -> str:
        if self.timed_out:
            return f"timed out   {self.fault}"
        if self.killer:
            return f"killed      {self.fault}  [{self.killer}]"
        return f"{'SURVIVED' if self.tests else 'NO TEST'}    {self.fault}  [{self.tests} tests]"


def score(outcomes: Sequence[Outcome], every: int) -> str:
    """Return how many of the faults the tests notice, and those that no test notices."""
    killed, timed_out = sum(bool(one.killer) for one in outcomes), sum(one.timed_out for one in outcomes)
    earlier = sum(one.earlier for one in outcomes)
    part = 100 * (killed + timed_out) / len(outcomes)
    head = f"of {len(outcomes)} faults, drawn from {every}: {killed} killed, {timed_out} timed out: {part:.1f}%"
    head += f"; {earlier} of them in an earlier run" if earlier else ""
    return "\n".join([head, *(str(one) for one in outcomes if not one.killed)])


_CLOCK = "the clock"


class History:
    """What became of faults in earlier runs: one line of a file for each, which is written as soon as it is known."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "outcomes.jsonl"
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        self._killers: dict[str, str] = dict(json.loads(line) for line in lines)

    def killer(self, fault: Fault) -> str:
        """Return the test that noticed a fault when it was last planted."""
        return self._killers.get(_key(fault), "")

    def outcome(self, fault: Fault) -> Outcome:
        """Return what became of a fault that was noticed when it was last planted."""
        killer = self.killer(fault)
        return Outcome(fault, "" if killer == _CLOCK else killer, killer == _CLOCK, earlier=True)

    def add(self, outcome: Outcome) -> None:
        line = json.dumps([_key(outcome.fault), _CLOCK if outcome.timed_out else outcome.killer])
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def _key(fault: Fault) -> str:
    rows = fault.path.read_text(encoding="utf-8").splitlines()[: fault.line]
    again = sum(row.strip() == fault.row for row in rows) - 1  # the same row may stand in a file several times
    return f"{fault.name} {fault.row} {fault.column} {fault.before} {fault.after}{f' #{again}' if again else ''}"
