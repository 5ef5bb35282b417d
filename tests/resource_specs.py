"""The specs of `tests.resources`: each asks for much of one thing, most of them in a few lines."""

from __future__ import annotations

from collections.abc import Callable

END = "\n  output\n}\n"
Spec = Callable[[], str]


def net(body: str, shape: str = "[4]", before: str = "", name: str = "n") -> str:
    """Return a net with that body."""
    return f"{before}net {name} {{\n  input x: {shape}\n  {body}{END}"


def lines(count: int, line: str, join: str = "\n  ") -> str:
    """Return lines numbered from 0: `@` stands for the number."""
    return join.join(line.replace("@", str(at)) for at in range(count))


def doubling(depth: int, leaf: str = "linear 4", body: str = "PART -> PART") -> str:
    """Return blocks that each call the one before it, twice unless the body says otherwise."""
    blocks = (f"block b{at} {{ {body.replace('PART', f'b{at - 1}')} }}\n" for at in range(1, depth + 1))
    return f"block b0 {{ {leaf} }}\n" + "".join(blocks)


def sized(name: str, counts: tuple[int, ...], make: Callable[[int], str]) -> dict[str, Spec]:
    """Return a spec for each of the counts."""
    return {f"{name}, {count:,}": lambda count=count: make(count) for count in counts}  # type: ignore[misc]


SPECS: dict[str, Spec] = {
    # rows of steps, and what is kept alive beside them
    **sized("a row of steps", (1_000, 9_000, 10**6), lambda n: net(f"repeat {n} {{ relu }}")),
    **sized("a row with weights", (2_000, 9_000), lambda n: net(f"repeat {n} {{ linear 4 }}")),
    **sized("rows in rows", (9, 14, 60), lambda n: net("repeat 2 { " * n + "relu" + " }" * n)),
    **sized("steps that are written", (1_500, 9_000), lambda n: net(lines(n, "relu"))),
    **sized("labels", (1_500, 5_000), lambda n: net(lines(n, "a@: linear 4"))),
    **sized(
        "labels that are all kept",
        (800, 5_000),
        lambda n: net(lines(n, "a@: linear 4") + f"\n  ({lines(n, 'a@', ', ')}) -> add"),
    ),
    **sized("labels in a loop", (1_000, 20_000), lambda n: net(f'for i in range({n}) {{ "a{{i}}": linear 4 }}')),
    **sized("residuals", (600, 4_000), lambda n: net(f"repeat {n} {{ residual {{ linear 4 -> relu }} }}")),
    **sized("residuals in residuals", (20, 60, 400), lambda n: net("residual { relu -> " * n + "relu" + " }" * n)),
    **sized("dense", (60, 400, 3_000), lambda n: net(f"dense {n} {{ linear 2 }}")),
    **sized("branches", (900, 9_000), lambda n: net(f"{{ | for i in range({n}) {{ | linear 2 }} }} -> concat")),
    **sized(
        "branches that are written", (900, 5_000), lambda n: net("{ " + lines(n, "| linear 2", " ") + " } -> concat")
    ),
    **sized("branches of branches", (6, 10, 14), lambda n: net("{ | " * n + "relu" + " | relu } -> add" * n)),
    **sized("reused", (800, 5_000), lambda n: net(f"a: linear 4\n  repeat {n} {{ reuse a }}")),
    **sized("tied", (800, 4_000), lambda n: net("a0: linear 4\n  " + lines(n, "t@: linear 4 weight=a0.weight"))),
    **sized(
        "params",
        (800, 5_000),
        lambda n: net(lines(n, "param p@: [4] init=zeros") + f"\n  (x, {lines(n, 'p@', ', ')}) -> add"),
    ),
    # blocks and calls
    **sized("doubling", (9, 13, 19, 30), lambda n: net(f"b{n}", before=doubling(n))),
    **sized(
        "doubling with unlike parts",
        (9, 13, 19),
        lambda n: net(f"b{n}", before=doubling(n, body="PART -> relu -> PART -> linear 4")),
    ),
    **sized(
        "doubling in branches", (9, 13), lambda n: net(f"b{n}", before=doubling(n, body="{ | PART | PART } -> add"))
    ),
    **sized("calls in calls", (90, 900), lambda n: net(f"b{n}", before=doubling(n, body="PART -> relu"))),
    **sized(
        "blocks nothing calls", (1_000, 6_000), lambda n: net("relu", before=lines(n, "block c@ { linear 4 }\n", ""))
    ),
    **sized(
        "unlike calls",
        (500, 3_000),
        lambda n: net(
            f"for i in range({n}) {{ c (i + 1) }}\n  linear 2", before="block c(w) { linear w -> linear 4 }\n"
        ),
    ),
    **sized("recursion", (60, 900), lambda n: net(f"c {n}", before="block c(k) { if k > 0 { relu -> c (k - 1) } }\n")),
    **sized(
        "recursion that doubles",
        (8, 12, 25),
        lambda n: net(f"c {n}", before="block c(k) { if k > 0 { c (k - 1) -> relu -> c (k - 1) } }\n"),
    ),
    **sized(
        "recursion into unlike calls",
        (8, 12),
        lambda n: net(
            f"c {n} 0", before="block c(k, s) { if k > 0 { c (k - 1) (2*s) -> relu -> c (k - 1) (2*s + 1) } }\n"
        ),
    ),
    **sized("derived nets", (500, 4_000), lambda n: net("relu") + lines(n, "net m@ = n\n", "")),
    **sized(
        "chain of derived nets",
        (60, 900),
        lambda n: (
            net("relu", name="m0") + "".join(f"net m{at} = m{at - 1}\n" for at in range(1, n)) + f"net n = m{n - 1}\n"
        ),
    ),
    **sized("nets", (300, 3_000), lambda n: lines(n, net("linear 3 -> relu", name="m@"), "")),
    # numbers, lists, strings
    **sized("a long sum", (300, 5_000), lambda n: net(f"linear ({lines(n, '1', ' + ')})")),
    **sized("brackets", (40, 90, 5_000), lambda n: net("linear " + "(" * n + "3" + ")" * n)),
    **sized("powers", (40, 9_999), lambda n: net(f"linear (2**{n} - 2**{n} + 3)")),
    **sized("towers of powers", (3, 9), lambda n: net(f"let a = {'**'.join('9' * n)}\n  linear 3")),
    **sized("a list", (5_000, 90_000), lambda n: net(f"let a = [{lines(n, '@', ', ')}]\n  linear (len(a))")),
    **sized("a range", (90_000, 10**9), lambda n: net(f"linear (sum(range({n})) % 7 + 1)")),
    **sized("loops in loops", (4, 9), lambda n: net("for i in range(20) { " * n + "relu" + " }" * n)),
    **sized(
        "functions in functions",
        (12, 17, 40),
        lambda n: net(
            f"linear (f{n}(1))",
            before="let f0(v) = v\n"
            + "".join(f"let f{at}(v) = (f{at - 1}(v) + f{at - 1}(v)) % 7 + 1\n" for at in range(1, n + 1)),
        ),
    ),
    **sized(
        "a text that grows", (14, 40), lambda n: net('let a = "x"\n  ' + lines(n, 'let a = "{a}{a}"') + "\n  linear 3")
    ),
    **sized("holes", (200, 1_000), lambda n: net(lines(n, f'let a@ = "{"{1+2*3}" * 90}"') + "\n  linear 3")),
    **sized(
        "promises",
        (300, 5_000),
        lambda n: net("linear 3")[: -len("\n}\n")] + lines(n, "\n  expect params == 15", "") + "\n}\n",
    ),
    # mistakes
    **sized("steps that do not parse", (40, 5_000), lambda n: net(lines(n, "relu -> -> relu"))),
    **sized("unclosed braces", (40, 5_000), lambda n: net(lines(n, "a@: {"))),
    **sized("unknown steps", (40, 5_000), lambda n: net(lines(n, "relv@ 3"))),
    **sized("one label again", (40, 5_000), lambda n: net(lines(n, "a: relu"))),
    **sized("shapes that do not fit", (40, 2_000), lambda n: net(lines(n, "(x, it) -> reshape [7@]"))),
    # what a command draws or computes of a few large values
    **sized("tuples", (12, 13, 60), lambda n: net(f"repeat {n} {{ (it, it) }} -> concat", "[1]")),
    **sized("many axes", (20, 52), lambda n: net("identity", "[" + ", ".join(["1"] * n) + "]")),
    **sized("a long map", (10**6, 2 * 10**9), lambda n: net("conv 3 4 pad=1 -> relu -> conv 3/2 4", f"[1, {n}]")),
    **sized(
        "an open size",
        (64, 4_096),
        lambda n: net(
            "conv 3x3 4 pad=1 -> maxpool 2x2/2 -> globalavgpool -> flatten -> linear 3", f"[1, H={n}, W={n}]"
        ),
    ),
    **sized(
        "an open size that many steps use",
        (40, 900),
        lambda n: net(f"repeat {n} {{ conv 3x3 1 pad=1 -> resize [H, W] }}", "[1, H=16, W=16]"),
    ),
    **sized("recurrent layers", (20, 900), lambda n: net(f"lstm 4 layers={n}", "[7, 4]")),
    **sized("groups", (512, 2**20), lambda n: net(f"conv 1x1 {n} groups={n}", f"[{n}, 2, 2]")),
    **sized("windows", (99, 9_999), lambda n: net(f"conv {n}x{n} 3 pad={n}", "[3, 8, 8]")),
    **sized("split into many", (500, 9_000), lambda n: net(f"split {n} axis=c -> concat", f"[{n}]")),
    **sized("a large embedding", (10**6, 2**31 - 1), lambda n: net(f"embedding {n} 8", "[4] dtype=int64")),
    **sized(
        "a table",
        (300, 3_000),
        lambda n: net(f"buffer t: [{n}, {n}] init=f\n  (x, t) -> matmul", f"[{n}]", before="let f(i, j) = i - j\n"),
    ),
}
