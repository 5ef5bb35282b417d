"""Small specs that would exhaust a machine: each is refused at its place, or answered, by each command, in CPU time."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archlang import limits
from archlang.cli import main
from archlang.compiler import CallError, SpecError, load, loads
from archlang.diagnostics import Rejected
from archlang.facts.memory import Setup, memory
from archlang.fit import largest_batch
from archlang.limits import MEANINGS, Limits
from tests.specs import graph_of

SECONDS, BYTES = 4, 500 * 2**20  # of CPU, twice what is promised, since the machine may be slow; of addresses
OUTPUT = "\n  output\n}\n"
LINEAR = "net n {\n  input x: [4]\n  linear 3" + OUTPUT


def net(body: str, shape: str = "[4]") -> str:
    return f"net n {{\n  input x: {shape}\n  {body}{OUTPUT}"


def doubling(count: int, *lines: str) -> str:
    """Return a net of 2 ** count layers."""
    blocks = (f"block b{at} {{ b{at - 1} -> b{at - 1} }}\n" for at in range(1, count + 1))
    return "block b0 { linear 4 }\n" + "".join(blocks) + net("\n  ".join([f"b{count}", *lines]))


PROMISE = "expect memory.training < 1_000_000_000_000"
SPECS: dict[str, Callable[[], str]] = {
    "doubled tuple": lambda: net("repeat 24 { (it, it) } -> concat", "[1]"),
    "doubled tuple without end": lambda: net("repeat 60 { (it, it) } -> concat", "[1]"),
    "tuple of tuples": lambda: net(f"repeat 13 {{ (it, it) }}\n  ({', '.join(['it'] * 5000)}) -> concat", "[1]"),
    "bars of tuples": lambda: net("repeat 13 { (it, it) }\n  for i in range(9000) { | it } -> concat", "[1]"),
    "slices of a tuple": lambda: net("repeat 13 { (it, it) }\n  repeat 90000 { it[0:8192] }\n  concat", "[1]"),
    "joins of a tuple": lambda: net("repeat 13 { (it, it) }\n  a: identity\n  repeat 9000 { (a) -> concat }", "[1]"),
    "split": lambda: net("split 90000 axis=c -> concat", "[90000]"),
    "doubling blocks": lambda: doubling(19),
    "doubling blocks with a promise": lambda: doubling(19, PROMISE),
    "sides of a window": lambda: net("conv " + "x".join("9" * 700_000) + " 3"),
    "unknown steps": lambda: net("\n  ".join(f"foo{at} 3" for at in range(2000))),
    "unknown names": lambda: net("\n  ".join(f"linear foo{at}" for at in range(2000))),
    "nets": lambda: "".join(LINEAR.replace("net n", f"net n{at}") for at in range(1000)),
    "missing files": lambda: "".join(f'use "f{at}.arch": a{at}\n' for at in range(4000)) + LINEAR,
    "holes": lambda: net("\n  ".join(f'let a{at} = "{"{3}" * 90}"' for at in range(200)) + "\n  linear 3"),
    "lists in lists": lambda: net("let a = [1]\n  " + "\n  ".join("let a = [a, a]" for _ in range(40))),
    "text without end": lambda: net('let a = "x"\n  ' + "\n  ".join('let a = "{a}{a}"' for _ in range(40))),
}
COMMANDS = ("check", "report", "why", "memory", "fit --memory 1GiB", "render -o n.svg", "build")


def ran(command: str, folder: Path, seconds: int = SECONDS) -> None:
    """Run a command in a process that ends beyond the limits, and check that it answers or refuses, in few words."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))

    words = [sys.executable, "-m", "archlang", *command.split()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, preexec_fn=limited, check=False
    )
    assert done.returncode in (0, 1, 2), (command, done.returncode, done.stderr[-400:])
    assert "Traceback" not in done.stderr, (command, done.stderr[-400:])


def test_small_specs_are_answered_or_refused(tmp_path: Path) -> None:
    """All of them in one process, which is quicker; each by itself is a sweep."""
    names = [f"{at}.arch" for at in range(len(SPECS))]
    for name, spec in zip(names, SPECS.values(), strict=True):
        (tmp_path / name).write_text(spec())
    ran(f"check {' '.join(names)}", tmp_path, seconds=30)


@pytest.mark.parametrize("command", ["memory n.arch", "build n.arch"])
def test_commands_on_a_net_of_half_a_million_layers(command: str, tmp_path: Path) -> None:
    (tmp_path / "n.arch").write_text(doubling(19))
    ran(command, tmp_path)


@pytest.mark.sweep
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("spec", SPECS)
def test_all_commands(command: str, spec: str, tmp_path: Path) -> None:
    (tmp_path / "n.arch").write_text(SPECS[spec]())
    word, *options = command.split()
    ran(" ".join([word, "n.arch", *options]), tmp_path)


# ---- what is said, and how a limit is raised


@pytest.mark.parametrize(
    "text, limit, line",
    [
        (net("repeat 14 { (it, it) } -> concat", "[1]"), "values", 3),
        (net("repeat 200_000 { relu }"), "steps", 3),
        (doubling(20), "layers", 21),
        (doubling(14, PROMISE), "walked", 19),
    ],
)
def test_a_limit_is_told_at_its_place_with_what_raises_it(text: str, limit: str, line: int) -> None:
    with pytest.raises(SpecError) as told:
        loads(text)
    (found,) = told.value.diagnostics
    assert (found.code, found.span.line) == ("too-large", line)
    assert found.help is not None and found.help.startswith(f"`--limit {limit}=")


def test_a_limit_can_be_raised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "n.arch"
    path.write_text(net("repeat 14 { (it, it) } -> concat", "[1]"))
    assert main(["check", str(path)]) == 1
    assert main(["check", str(path), "--limit", "values=20000"]) == 0
    assert capsys.readouterr().out == "n: 0 parameters, 0 MACs\n"
    with limits.raised(values=20_000):
        assert loads(path.read_text()).graph.root.outputs
    assert limits.limits() == Limits()


@pytest.mark.parametrize("words", ["values", "values=", "values=0", "values=-1", "value=3", "=3", f"values={'9' * 30}"])
def test_a_wrong_limit_is_refused(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "lenet5", "--limit", words]) == 2
    assert capsys.readouterr().err.startswith(f"archlang: --limit {words}: write --limit NAME=N")


def test_every_limit_has_a_meaning() -> None:
    assert list(MEANINGS) == list(Limits.__dataclass_fields__)
    with pytest.raises(ValueError, match="no limit called"), limits.raised(size=3):
        pass
    with pytest.raises(ValueError, match="at least 1"), limits.raised(steps=0):
        pass


def test_at_most_as_many_mistakes_as_the_limit_says(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "n.arch"
    path.write_text(SPECS["unknown steps"]())
    assert main(["check", str(path)]) == 1
    said = capsys.readouterr().err
    assert said.count("error[") == 50
    assert said.endswith("\narchlang stopped at 50 mistakes; `--limit mistakes=100` raises this limit\n")
    assert main(["check", str(path), "--limit", "mistakes=7"]) == 1
    assert capsys.readouterr().err.count("error[") == 7


def test_a_text_longer_than_the_limit() -> None:
    with limits.raised(bytes=100), pytest.raises(CallError, match="larger than 100 bytes; `--limit bytes=200`"):
        loads(LINEAR + "#" * 100)


def test_a_net_too_large_for_warnings_has_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "n.arch"
    path.write_text(doubling(14).replace("linear 4", "linear 4 -> batchnorm"))
    assert main(["check", str(path)]) == 0
    assert "note[too-large]: no warnings are looked for: n has 32,768 operators" in capsys.readouterr().err
    assert main(["check", str(path), "--limit", "walked=40000"]) == 0
    assert "no-batch-of-one" in capsys.readouterr().err


# ---- what torch cannot index


@pytest.mark.parametrize(
    "body, shape, line",
    [
        ("conv 1x1 (2**62)", "[3, 8, 8]", 3),
        ("linear (2**31)", "[4]", 3),
        ("relu", "[2147483648]", 2),
        ("relu", "[2000000000, 2000000000, 3]", 2),
        ("linear 2000000000 -> linear 2000000000\n  outer: linear 3 -> linear 4611686018427387904", "[4]", 4),
        ("conv 99999x99999 1000000 pad=99999", "[1000000, 8, 8]", 3),
        ("conv 3000000000x3 1 pad=[1500000000, 1]", "[1, 8, 8]", 3),
        ("embedding (2**40) 8", "[4] dtype=int64", 3),
        ("param p: [2147483648] init=zeros\n  (x, p) -> add", "[1]", 3),
    ],
)
def test_sizes_that_torch_cannot_index(body: str, shape: str, line: int) -> None:
    with pytest.raises(SpecError) as told:
        loads(net(body, shape))
    (found,) = told.value.diagnostics
    assert (found.code, found.span.line) == ("too-large", line)
    assert found.message.endswith("but torch indexes less than 2**31 positions along an axis and 2**63 values")


def test_each_size_that_torch_cannot_index_is_told_with_its_turn() -> None:
    """Limits of the whole run are told once, and these at each place."""
    with pytest.raises(SpecError) as told:
        loads(net("x -> for i in range(2) { linear (2**(30 + i)) }\n  x -> linear (2**40)", "[4]"))
    assert [found.span.line for found in told.value.diagnostics] == [3, 4]
    assert [label.text for label in told.value.diagnostics[0].labels][-1] == "in the turn where i = 1"


def test_sizes_that_torch_can_index() -> None:
    assert loads(net("linear 2147483647", "[4]")).graph.root.outputs
    assert loads(net("embedding 2147483647 8", "[4] dtype=int64")).graph.root.outputs


# ---- the largest batch


@pytest.mark.parametrize("spare", [0, 1, 999, 10**7])
def test_the_largest_batch_fits_and_the_next_does_not(spare: int) -> None:
    graph = graph_of(net("linear 100 -> relu -> linear 7"))

    def peak(batch: int) -> int:
        return memory(graph, Setup(batch=batch)).needed_bytes

    budget = peak(3) + spare
    batch = largest_batch(graph, Setup(), budget)
    assert peak(batch) <= budget < peak(batch + 1)
    assert largest_batch(graph, Setup(), peak(1) - 1) == 0


def test_fit_counts_its_simulations() -> None:
    graph = graph_of(net("repeat 2600 { linear 4 }"))
    with pytest.raises(Rejected, match=r"has 2,600 operators .* visits each of them about 4 times") as told:
        largest_batch(graph, Setup(), 2**30)
    assert told.value.help == "`--limit walked=10400` raises this limit"


def test_fit_takes_the_deepest_net_that_is_shipped() -> None:
    assert largest_batch(load("resnet1202").graph, Setup(), 2**30) > 0
