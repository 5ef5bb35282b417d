"""Weights files of over 100 kinds: each is loaded right, or refused with a clear message; none costs much memory."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

import archlang
from archlang.diagnostics import Rejected
from tests.modules.weights_kinds import FIRST, KINDS, SECOND, safe, saved, state

SPEC = "net n {\n  input x: [4]\n  fc: linear 3\n  output\n}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(name: str) -> nn.Module:
    return archlang.loads(SPEC).module(weights=name)


@pytest.mark.parametrize("file, kind", KINDS)
def test_a_file_is_loaded_right_or_refused(file: str, kind: str) -> None:
    make, expected = KINDS[file, kind]
    with warnings.catch_warnings(action="ignore"):  # torch's, about kinds of tensors that are not stable yet
        data = make()
    Path(file).write_bytes(data)
    if expected == "finite":
        with pytest.warns(UserWarning, match=r"has values that are not finite \(NaN or infinite\), in `fc.weight`"):
            load(file)
    elif expected in ("", "other values"):
        weights = load(file).state_dict()
        assert expected or torch.equal(weights["fc.weight"], FIRST)
        assert torch.equal(weights["fc.bias"], SECOND)
    else:
        with pytest.raises(Rejected, match=expected) as told:
            load(file)
        assert told.value.code in ("bad-weights-file", "weights-do-not-fit")
        assert len(told.value.message) < 1000
    assert not Path("executed").exists()


def test_there_are_many_kinds() -> None:
    assert len(KINDS) > 100


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_a_file_that_ends_early_is_refused(kind: str) -> None:
    """At 20 places: within the header, the pickle and the data."""
    whole = safe() if kind == "safetensors" else saved(state(), legacy=kind == "legacy")
    name = "w.safetensors" if kind == "safetensors" else "w.pt"
    for place in range(20):
        Path(name).write_bytes(whole[: len(whole) * place // 20])
        with pytest.raises(Rejected) as told:
            load(name)
        assert told.value.code == "bad-weights-file"


LARGE = "net n {\n  input x: [4096]\n  fc: linear 4096\n  output\n}\n"  # 64 MiB
MEASURED = """
import sys, threading, torch, archlang
from pathlib import Path
def private():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if "RssAnon" in line).split()[1])
net = archlang.loads(sys.argv[1])
archlang.loads("net n { input x: [4]\\n fc: linear 3\\n output }").module(weights="small." + sys.argv[2])
most, done = 0, threading.Event()
def watch():
    global most
    while not done.wait(0.002):
        most = max(most, private())
before, watching = private(), threading.Thread(target=watch)
watching.start()
net.module(weights="w." + sys.argv[2])
done.set(); watching.join()
print((most - before) * 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the memory of a process is read from /proc")
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_a_net_with_weights_takes_the_memory_of_the_net(suffix: str) -> None:
    """The file is mapped, not read: with it the module takes less than 1.2 times its own memory."""
    from safetensors.torch import save_file

    for name, (out, width) in {"w": (4096, 4096), "small": (3, 4)}.items():
        values = {"fc.weight": torch.ones(out, width), "fc.bias": torch.ones(out)}
        if suffix == "pt":
            torch.save(values, f"{name}.{suffix}")
        else:
            save_file(values, f"{name}.{suffix}")
    command = [sys.executable, "-c", MEASURED, LARGE, suffix]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert 2**26 * 0.9 < int(done.stdout) < 2**26 * 1.2
