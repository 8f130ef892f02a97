"""What a problem file says, as frozen data: sheets, problems, what is given, what is asked, and the author's key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from derive.errors import Fault, GivenError
from derive.problem.symbols import SymbolTable
from derive.problem.task import Task
from derive.problem.yaml_places import Located


@dataclass(frozen=True)
class Network:
    """A stack of layers on `input` numbers (or an input of that shape); each layer is an instance of a class of the
    catalogue. `convention` says where examples stand: rows of a batch, or one column; '' leaves it to the layers."""

    input: Any
    layers: tuple[Any, ...]
    convention: str = ""
    batch: int | None = None


@dataclass(frozen=True)
class GradientProcess:
    """What is known of a random gradient: its mean, its second moment, and whether they change with time."""

    mean: Any = None
    second_moment: Any = None
    stationary: bool = False


@dataclass(frozen=True)
class Draw:
    """How numbers are drawn: from a range, with so many decimals, by a seed."""

    seed: int
    low: Any
    high: Any
    places: int


@dataclass(frozen=True)
class Given:
    """Everything that a problem may give; what it does not give is None (or empty)."""

    symbols: Mapping[str, Any] = field(default_factory=dict)
    define: tuple[tuple[Any, Any], ...] = ()
    network: Network | None = None
    networks: Mapping[str, Network] = field(default_factory=dict)
    loss: Any = None
    targets: Any = None
    outputs: Any = None
    probabilities: Any = None
    logits: Any = None
    optimizer: Any = None
    gradient: GradientProcess | None = None
    gradients: Any = None
    start: Any = None
    layer: Any = None
    input: Any = None
    values: Mapping[str, Any] = field(default_factory=dict)
    penalty: Mapping[str, Any] = field(default_factory=dict)
    plus: tuple[tuple[Any, Any], ...] = ()
    draw: Draw | None = None
    domains: tuple[tuple[Any, str], ...] = ()
    names: SymbolTable = field(default_factory=SymbolTable, compare=False, repr=False)

    @property
    def taken(self) -> set[str]:
        """The names that the author gives, those of sizes among them."""
        shapes = [getattr(symbol, "shape", ()) for symbol in self.symbols.values()]
        sizes = {inner.name for shape in shapes for size in shape for inner in getattr(size, "free_symbols", ())}
        return {*self.symbols, *sizes}

    def named(self, quantity: Any, options: Iterable[str]) -> str:
        """The name of a quantity that the author gave none, the same in every question."""
        return self.names.name(quantity, options, self.taken)


@dataclass(frozen=True)
class Expectation:
    """The author's answer: to the question that calls its answer `name` ('' where there is only one).

    `value` is a Rational, a `Rounded` numeral (an answer given to so many decimals), nested tuples of these, or an
    expression.
    """

    name: str
    value: Any
    path: tuple[Any, ...] = ("expect",)


@dataclass(frozen=True)
class Disputed:
    """Somebody's wrong answer, which the solution refutes."""

    expectation: Expectation
    by: str


@dataclass(frozen=True)
class Problem:
    """One problem file. `id` is the file's name without its ending."""

    id: str
    path: str
    title: str
    given: Given
    ask: tuple[Any, ...]
    source: str = ""
    statement: str = ""
    note: str = ""
    expect: tuple[Expectation, ...] = ()
    disputed: tuple[Disputed, ...] = ()
    task: Task | None = None
    located: Located | None = field(default=None, compare=False, repr=False)

    def fault(self, error: GivenError) -> Fault:
        """The error of a question, at the place in the file of what it speaks of."""
        return Fault(self.path, *self.place(error.path), error.message)

    def place(self, path: Sequence[str | int]) -> tuple[int, int]:
        """The line and column of a key or entry of the file; (0, 0) where there is no file."""
        return self.located.place(tuple(path)) if self.located else (0, 0)


@dataclass(frozen=True)
class Sheet:
    """A folder of problems that come out as one document; `faults` are of the files that could not be read."""

    id: str
    title: str
    path: Path
    problems: tuple[Problem, ...]
    course: str = ""
    author: str = ""
    date: str = ""
    note: str = ""
    faults: tuple[Fault, ...] = ()
