"""What ends runs: signals, full disks, dead workers, weights that are no numbers; and what is left then."""

from __future__ import annotations

import errno
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from archlang.cli import main
from archlang.diagnostics import Rejected
from archlang.recipes import Evaluated
from archlang.recipes.schedules import SCHEDULES
from archlang.train.checkpoints import Progress, read, save
from archlang.train.making import learning_rates
from archlang.train.resuming import resumed
from archlang.train.running import Outcome, Where, run
from archlang.train.session import Session, session_of
from archlang.train.stamps import stamp
from tests.train.recipes import lines_of, recipe_of
from tests.train.test_running import assert_equal, ran

SHORT = lines_of(epochs="epochs 2").replace("batch 64", "batch 400")  # 4 steps are an epoch
DRAWN = SHORT.replace("flatten ->", "flatten -> dropout 0.3 ->")


def signalled(made: Evaluated, folder: Path, number: int, at: int, **where: Any) -> Outcome:
    """Run a recipe, and send this process a signal after a step."""

    def show(session: Session, loss: float | None, row: Mapping[str, float] | None) -> None:
        if loss is not None and session.step == at:
            os.kill(os.getpid(), number)

    return run(made.recipe, made.graph, Where(folder, **where), {}, show)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("at", [2, 4])  # within an epoch, and at the end of one: while it is measured
def test_a_signal_ends_the_step_and_saves(number: int, at: int, tmp_path: Path) -> None:
    made = recipe_of(DRAWN)
    assert ran(made, tmp_path / "whole") is not None
    outcome = signalled(made, tmp_path / "broken", number, at)
    assert outcome.interrupted and outcome.rows == ()
    state = read(tmp_path / "broken" / "last.pt")
    assert state["step"] == at and len(state["losses"]) == at
    assert ran(made, tmp_path / "broken", resume=True) is not None
    assert_equal(tmp_path / "whole", tmp_path / "broken")


def test_the_command_says_where_the_checkpoint_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec.arch").write_text(SHORT)
    train_step = Session.train_step

    def interrupted(session: Session, batch: Any) -> float:
        os.kill(os.getpid(), signal.SIGINT)
        return train_step(session, batch)

    monkeypatch.setattr(Session, "train_step", interrupted)
    assert main(["train", "spec.arch:run", "--out", "a"]) == 130
    told = capsys.readouterr().err.splitlines()[-1]
    assert told == f"interrupted; checkpoint: {Path('a/last.pt')}; go on with --resume a"


def test_ctrl_c_before_the_first_step_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("archlang.compiler.check", interrupt)
    assert main(["check", "lenet5"]) == 130
    assert capsys.readouterr().err == "archlang: interrupted\n"


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archlang.train.running.SAVED_EVERY", 0.0)
    made = recipe_of(SHORT)
    assert ran(made, tmp_path / "whole") is not None
    written: list[int] = []
    fsync = os.fsync

    def full(handle: int) -> None:
        written.append(handle)
        if len(written) > 10:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    folder = tmp_path / "full"
    with pytest.raises(Rejected, match=r"full.*: No space left on device") as caught:
        ran(made, folder)
    assert caught.value.code == "cannot-save" and "make room" in str(caught.value.help)
    assert not list(folder.glob(".archlang-*"))
    monkeypatch.setattr(os, "fsync", fsync)
    assert read(folder / "last.pt")["step"] > 0
    assert ran(made, folder, resume=True) is not None
    assert_equal(tmp_path / "whole", folder)


def test_what_a_kill_left_is_removed(tmp_path: Path) -> None:
    made = recipe_of(SHORT)
    assert ran(made, tmp_path) is not None
    (tmp_path / ".archlang-abc.tmp").write_bytes(b"half a checkpoint")
    (tmp_path / "notes.tmp").write_text("mine")
    assert ran(made, tmp_path, resume=True) is not None
    assert not (tmp_path / ".archlang-abc.tmp").exists() and (tmp_path / "notes.tmp").exists()


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    made, told = recipe_of(SHORT), list[str]()
    assert ran(made, tmp_path / "whole") is not None
    assert ran(made, tmp_path / "broken", stop_at=1) is None
    run(made.recipe, made.graph, Where(tmp_path / "broken", resume=True), {}, tell=told.append)
    assert told == ["there is no checkpoint yet: the run begins anew"]
    assert_equal(tmp_path / "whole", tmp_path / "broken")


def test_a_worker_that_dies_is_told(tmp_path: Path) -> None:
    made = recipe_of(SHORT.replace("epochs 2", "steps 4_000"))

    def show(session: Session, loss: float | None, row: Mapping[str, float] | None) -> None:
        for child in multiprocessing.active_children():
            os.kill(child.pid or 0, signal.SIGKILL)

    with pytest.raises(Rejected, match="a process that reads samples died") as caught:
        run(made.recipe, made.graph, Where(tmp_path, workers=1), {}, show)
    assert caught.value.code == "dead-worker" and f"--resume {tmp_path}" in str(caught.value.help)
    del caught  # its frames hold the loader, which tells of dead workers as long as it lives
    gc.collect()


def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = recipe_of(SHORT)
    train_step = Session.train_step

    def broken(session: Session, batch: Any) -> float:
        loss = train_step(session, batch)
        if session.step == 6:
            with torch.no_grad():
                session.module.get_parameter("conv1.weight")[0] = float("nan")
        return loss

    monkeypatch.setattr(Session, "train_step", broken)
    monkeypatch.setattr("archlang.train.running.SAVED_EVERY", 0.0)
    with pytest.raises(Rejected, match=r"conv1\.weight is not finite after step 6") as caught:
        ran(made, tmp_path)
    assert "the last checkpoint is good" in str(caught.value.help)
    assert read(tmp_path / "last.pt")["step"] == 5


# ---- what may differ between a checkpoint and a run that goes on from it


def test_comments_and_promises_may_change(tmp_path: Path) -> None:
    assert ran(recipe_of(SHORT), tmp_path, stop_at=6) is None
    other = recipe_of(
        SHORT.replace("  conv1:", "  # a remark\n\n  conv1:").replace("epochs 2", "epochs 2; expect loss < 9")
    )
    assert ran(other, tmp_path, resume=True) is not None


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("lr=0.1", "lr=0.2", "another recipe: optimizer.sgd.lr 0.1 → 0.2"),
        ("batch 400", "batch 300", "another recipe: batch 400 → 300"),
        ("view normalize", "view normalize; augment randomcrop 8 padding=2", "another recipe: .*padding none → 2"),
        ("width=4", "width=5", "another net: conv1 conv 3x3 4 pad=1 → conv 3x3 5 pad=1"),
        ("relu ->", "relu -> dropout 0.5 ->", r"another net: none → 3 dropout 0\.5"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_with_what_differs(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    assert ran(recipe_of(SHORT), tmp_path, stop_at=5) is None
    with pytest.raises(Rejected, match=said) as caught:
        ran(recipe_of(SHORT.replace(old, new)), tmp_path, resume=True)
    assert caught.value.code == "checkpoint-differs"


def test_resume_anyway_says_what_is_kept(tmp_path: Path) -> None:
    assert ran(recipe_of(SHORT), tmp_path, stop_at=5) is None
    before = read(tmp_path / "last.pt")
    told = list[str]()
    made = recipe_of(SHORT.replace("fc: linear 10", "head: linear 10").replace("lr=0.1", "lr=0.2"))
    seen: list[float] = []

    def show(session: Session, loss: float | None, row: Mapping[str, float] | None) -> None:
        seen.append(session.optimizer.param_groups[0]["lr"])

    run(made.recipe, made.graph, Where(tmp_path, resume=True, anyway=True), {}, show, told.append)
    assert "lr 0.1 → 0.2; fc linear 10 → head linear 10" in told[0]
    weights = "7 of 9 tensors of weights (new: head.weight; head.bias)"
    assert told[1] == f"kept: step 4, {weights}, the state of the optimiser"
    assert set(seen) == {0.2}  # the settings of the new recipe count
    assert read(tmp_path / "last.pt")["step"] == 8 > before["step"]


# ---- the state of every schedule

ARGUMENTS = {
    "warmup": "5",
    "cosineannealingwarmrestarts": "3",
    "cyclic": "base_lr=0.1 max_lr=0.2 step_size_up=4",
    "exponential": "0.9",
    "multistep": "[2, 5]",
    "onecycle": "max_lr=0.1",
    "step": "3",
    "timebased": "0.1",
    "warmup 3 -> cosineannealing": "",
    "warmup 3 -> multistep": "[2, 4]",
}


@pytest.mark.parametrize("word", sorted({*SCHEDULES, *ARGUMENTS} - {"reduceonplateau"}))
def test_a_schedule_goes_on_where_it_was(word: str, tmp_path: Path) -> None:
    line = f"schedule {word} {ARGUMENTS.get(word, '')} by=step"
    made = recipe_of(SHORT.replace("epochs 2", f"steps 9\n  {line}"))
    example = {"image": torch.zeros(1, 8, 8), "label": torch.tensor(0)}
    whole, broken = (session_of(made.recipe, made.graph, example, 1600, 10, "cpu") for _ in range(2))
    for step in range(9):
        if step == 4:
            save(tmp_path / "last.pt", whole, Progress(), stamp(made.recipe, made.graph))
            resumed(tmp_path / "last.pt", broken, anyway=False)
        for session in (whole, broken) if step >= 4 else (whole,):
            session.optimizer.step()
            session.schedule.step()
            session.step += 1
        if step >= 4:
            assert learning_rates(whole.optimizer) == learning_rates(broken.optimizer)
    assert len({*learning_rates(whole.optimizer)}) == 1


def test_killed_runs_end_as_if_they_had_not_been() -> None:
    """The small form of `python -m tests.train.kills`, in a process without threads, of which copies are made."""
    command = [sys.executable, "-m", "tests.train.kills", "--count", "2", "--within-writes", "1", "--seed", "1"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("2 kills, 1 of them within a write")
