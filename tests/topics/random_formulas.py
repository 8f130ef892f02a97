"""Random problems of matrix calculus, each written twice: as text of the language, and as a torch program beside it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from hypothesis import strategies as st

Tensor = torch.Tensor
Program = Callable[["Run"], Tensor]
N = 3  # the size of every vector
DECLARED = {
    "x": ("scalar", "s"), "c": ("scalar", "s"), "t": ("positive", "s"), "u": (f"vector({N})", "v"), "w": (f"vector({N})", "v"),
    "A": (f"matrix({N}, {N})", "m"), "B": (f"matrix({N}, {N})", "m"),
}  # fmt: skip
SHAPES = {"s": (), "v": (N,), "m": (N, N)}


class Run:
    """The values of all names, and how near the run came to a kink."""

    def __init__(self, values: dict[str, Tensor]):
        self.values, self.nearest = values, float("inf")

    def apart(self, gap: Tensor) -> None:
        """Notes how far a kink (or a tie, or the border of a branch) is."""
        self.nearest = min(self.nearest, float(gap.detach().abs().min()))


@dataclass(frozen=True)
class Written:
    """A formula as text and as a program; `kind` is s, v or m."""

    kind: str
    text: str
    program: Program


def _relu(run: Run, x: Tensor) -> Tensor:
    run.apart(x)
    return torch.relu(x)


def _abs(run: Run, x: Tensor) -> Tensor:
    run.apart(x)
    return torch.abs(x)


def _maximum(run: Run, x: Tensor, y: Tensor) -> Tensor:
    run.apart(x - y)
    return torch.maximum(*torch.broadcast_tensors(x, y))


def _minimum(run: Run, x: Tensor, y: Tensor) -> Tensor:
    run.apart(x - y)
    return torch.minimum(*torch.broadcast_tensors(x, y))


def _where(run: Run, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    run.apart(x - 0.5)
    return torch.where(x > 0.5, y, z)


def _largest(run: Run, x: Tensor) -> Tensor:
    first, second = torch.topk(x, 2).values
    run.apart(first - second)
    return x.max()


def _norm(run: Run, x: Tensor) -> Tensor:
    run.apart(torch.linalg.norm(x))
    return torch.linalg.norm(x)


def _definite(x: Tensor) -> Tensor:
    return torch.eye(N, dtype=torch.float64) + x @ x.T


def plain(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function without kinks."""
    return lambda run, *args: function(*args)


# what comes out, what goes in, how it is written, and what torch does
ROWS: list[tuple[str, str, str, Callable[..., Tensor]]] = [
    ("s", "ss", "({0} + {1})", plain(lambda a, b: a + b)),
    ("s", "ss", "({0} - 2*{1})", plain(lambda a, b: a - 2 * b)),
    ("s", "ss", "{0}*{1}", plain(lambda a, b: a * b)),
    ("s", "ss", "{0}/(1 + {1}**2)", plain(lambda a, b: a / (1 + b**2))),
    ("s", "s", "{0}**2", plain(lambda a: a**2)),
    ("s", "s", "{0}**3", plain(lambda a: a**3)),
    ("s", "s", "tanh({0})", plain(torch.tanh)),
    ("s", "s", "sigmoid({0})", plain(torch.sigmoid)),
    ("s", "s", "exp(tanh({0}))", plain(lambda a: torch.exp(torch.tanh(a)))),
    ("s", "s", "log(1 + {0}**2)", plain(lambda a: torch.log(1 + a**2))),
    ("s", "s", "sqrt(1 + {0}**2)", plain(lambda a: torch.sqrt(1 + a**2))),
    ("s", "s", "softplus({0})", plain(torch.nn.functional.softplus)),
    ("s", "s", "relu({0})", _relu),
    ("s", "s", "abs({0})", _abs),
    ("s", "ss", "maximum({0}, {1})", _maximum),
    ("s", "ss", "minimum({0}, {1})", _minimum),
    ("s", "sss", "where({0} > 1/2, {1}, {2})", _where),
    ("s", "v", "sum({0})", plain(torch.sum)),
    ("s", "v", "mean({0}**2)", plain(lambda a: (a**2).mean())),
    ("s", "v", "logsumexp({0})", plain(lambda a: torch.logsumexp(a, 0))),
    ("s", "n", "max({0})", _largest),  # of a name: whether an entry is the largest is a matter of the last digit
    ("s", "v", "norm({0})", _norm),
    ("s", "v", "{0}[1]", plain(lambda a: a[1])),
    ("s", "vv", "dot({0}, {1})", plain(torch.dot)),
    ("s", "vmv", "dot({0}, {1} @ {2})", plain(lambda a, m, b: a @ m @ b)),
    ("s", "m", "trace({0})", plain(torch.trace)),
    ("s", "m", "sum({0}**2)", plain(lambda a: (a**2).sum())),
    ("s", "m", "{0}[0, 2]", plain(lambda a: a[0, 2])),
    ("s", "m", f"logdet(eye({N}) + {{0}} @ {{0}}.T)", plain(lambda a: torch.logdet(_definite(a)))),
    ("v", "vv", "({0} + {1})", plain(lambda a, b: a + b)),
    ("v", "vv", "({0} - {1}/2)", plain(lambda a, b: a - b / 2)),
    ("v", "vv", "{0}*{1}", plain(lambda a, b: a * b)),
    ("v", "vv", "{0}/(1 + {1}**2)", plain(lambda a, b: a / (1 + b**2))),
    ("v", "sv", "{0}*{1}", plain(lambda a, b: a * b)),
    ("v", "sv", "({1} + {0})", plain(lambda a, b: b + a)),
    ("v", "mv", "({0} @ {1})", plain(lambda a, b: a @ b)),
    ("v", "mv", "({0}.T @ {1})", plain(lambda a, b: a.T @ b)),
    ("v", "v", "{0}**2", plain(lambda a: a**2)),
    ("v", "v", "tanh({0})", plain(torch.tanh)),
    ("v", "v", "sigmoid({0})", plain(torch.sigmoid)),
    ("v", "v", "exp(tanh({0}))", plain(lambda a: torch.exp(torch.tanh(a)))),
    ("v", "v", "softmax({0})", plain(lambda a: torch.softmax(a, 0))),
    ("v", "v", "log_softmax({0})", plain(lambda a: torch.log_softmax(a, 0))),
    ("v", "v", "({0} - mean({0}))", plain(lambda a: a - a.mean())),
    ("v", "v", "relu({0})", _relu),
    ("v", "v", "abs({0})", _abs),
    ("v", "vv", "maximum({0}, {1})", _maximum),
    ("v", "vs", "minimum({0}, {1})", _minimum),
    ("v", "vvs", "where({0} > 1/2, {1}, {2})", _where),
    ("v", "m", "sum({0}, axis=1)", plain(lambda a: a.sum(1))),
    ("v", "m", "mean({0}, axis=0)", plain(lambda a: a.mean(0))),
    ("v", "m", "diag({0})", plain(torch.diagonal)),
    ("m", "mm", "({0} + {1})", plain(lambda a, b: a + b)),
    ("m", "mm", "({0} @ {1})", plain(lambda a, b: a @ b)),
    ("m", "mm", "{0}*{1}", plain(lambda a, b: a * b)),
    ("m", "m", "{0}.T", plain(lambda a: a.T)),
    ("m", "sm", "{0}*{1}", plain(lambda a, b: a * b)),
    ("m", "vv", "outer({0}, {1})", plain(torch.outer)),
    ("m", "v", "diag({0})", plain(torch.diag)),
    ("m", "mv", "({0} + {1})", plain(lambda a, b: a + b)),
    ("m", "mv", "({0}*{1}[:, None])", plain(lambda a, b: a * b[:, None])),
    ("m", "m", "tanh({0})", plain(torch.tanh)),
    ("m", "m", "relu({0})", _relu),
    ("m", "m", "softmax({0}, axis=1)", plain(lambda a: torch.softmax(a, 1))),
    ("m", "m", f"inv(eye({N}) + {{0}} @ {{0}}.T)", plain(lambda a: torch.linalg.inv(_definite(a)))),
]  # fmt: skip


def named(name: str, kind: str) -> Written:
    """A name, in both languages."""
    return Written(kind, name, lambda run: run.values[name])


def number(value: int) -> Written:
    """A small whole number."""
    return Written(
        "s", f"({value})" if value < 0 else str(value), lambda run: torch.tensor(float(value), dtype=torch.float64)
    )


def applied(row: tuple[str, str, str, Callable[..., Tensor]], parts: list[Written]) -> Written:
    """A row of the table applied to formulas."""
    kind, _, pattern, function = row
    programs = [part.program for part in parts]
    text = pattern.format(*[part.text for part in parts])
    whole = re.match(r"[a-z_]+\(", pattern) and pattern.endswith(")")
    return Written(kind, text if whole else f"({text})", lambda run: function(run, *[p(run) for p in programs]))


@dataclass(frozen=True)
class Problem:
    """What is declared, defined and asked for; the last definition is the objective. `seed` draws the values."""

    defined: tuple[tuple[str, Written], ...]
    wrt: tuple[str, ...]
    seed: int

    def __repr__(self) -> str:
        lines = "; ".join(f"{name} = {one.text}" for name, one in self.defined)
        return f"{lines}  in {', '.join(self.wrt)} (seed {self.seed})"

    def values(self) -> dict[str, Tensor]:
        """Values of what is declared."""
        chance = torch.Generator().manual_seed(self.seed)
        found = {}
        for name, (word, kind) in DECLARED.items():
            drawn = 3 * torch.rand(SHAPES[kind], generator=chance, dtype=torch.float64) - 1.5
            found[name] = (drawn.abs() + 0.1 if word == "positive" else drawn).requires_grad_()
        return found

    def run(self) -> tuple[Run, dict[str, Tensor]]:
        """Every name's value, each a tensor of its own, and the derivative of the last in each name that is asked for."""
        run = Run(self.values())
        for name, written in self.defined:
            value = written.program(run).clone()
            run.values[name] = value if value.requires_grad else value.requires_grad_()
        found = torch.autograd.grad(run.values["L"], [run.values[name] for name in self.wrt], allow_unused=True)
        slopes = [torch.zeros_like(run.values[n]) if g is None else g for n, g in zip(self.wrt, found, strict=True)]
        return run, dict(zip(self.wrt, slopes, strict=True))


@st.composite
def formulas(draw: st.DrawFn, kind: str, known: dict[str, str], depth: int) -> Written:
    """A formula of a kind over the names that are known."""
    leaves = [name for name, k in known.items() if k == kind.replace("n", "v")]
    if kind == "n" or depth == 0 or draw(st.integers(0, 3)) == 0:
        if kind == "s" and draw(st.integers(0, 5)) == 0:
            return number(draw(st.sampled_from([-2, -1, 1, 2, 3])))
        return named(draw(st.sampled_from(leaves)), kind.replace("n", "v"))
    row = draw(st.sampled_from([row for row in ROWS if row[0] == kind]))
    return applied(row, [draw(formulas(k, known, depth - 1)) for k in row[1]])


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Up to three named quantities in between, an objective that uses the last of them, and a list of names to ask for."""
    known = {name: kind for name, (_, kind) in DECLARED.items()}
    defined: list[tuple[str, Written]] = []
    for name in ("p", "q", "r")[: draw(st.integers(0, 3))]:
        kind = draw(st.sampled_from("svm"))
        defined.append((name, draw(formulas(kind, known, 2))))
        known[name] = kind
    last = dict(reversed([(known[name], name) for name, _ in defined]))  # the latest of each kind is used again
    objective = draw(formulas("s", known, 3 if not defined else 2))
    for kind, name in last.items():
        row = draw(st.sampled_from([row for row in ROWS if row[0] == "s" and row[1] == kind]))
        objective = applied(ROWS[draw(st.sampled_from([0, 2]))], [objective, applied(row, [named(name, kind)])])
    defined.append(("L", objective))
    used = [name for name in known if name in used_by(defined)]
    wrt = draw(st.lists(st.sampled_from(used or ["x"]), min_size=1, max_size=4, unique=True))
    return Problem(tuple(defined), tuple(wrt), draw(st.integers(0, 2**31)))


def used_by(defined: list[tuple[str, Written]]) -> set[str]:
    """The names from which the objective is made, directly or through others."""
    needed = set(re.findall(r"[A-Za-z]\w*", defined[-1][1].text))
    for name, written in reversed(defined[:-1]):
        if name in needed:
            needed |= set(re.findall(r"[A-Za-z]\w*", written.text))
    return needed
