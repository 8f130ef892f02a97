"""`implements`: a Boolean function as a network of ReLU units, checked on every row; where one unit cannot do it, the proof."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import Any

from sympy import Gt, ImmutableDenseMatrix, Integer, Rational, Symbol

from derive.algebra.nodes import Factors, Numeral, Terms
from derive.catalogue.layers.dense import Dense
from derive.derivation import Answer, Derivation, HasCount, Holds, Section, Work, rule
from derive.errors import GivenError, NotDerivable
from derive.problem.model import Network
from derive.problem.types import Activation, Numbers
from derive.topics.registry import questions
from derive.topics.stack import stack_of
from derive.topics.stack_answers import numeric_section
from derive.worlds import Formulas

CHOOSE = rule("weights of the unit", "choose")
SEPARATES = rule("one unit decides", "row {0} lies on the side of {1}")
CONTRADICTION = rule("sum of the inequalities", "the inequalities of the rows, times {0}, added up: all weights cancel")
ABOVE_ZERO = rule(
    "contradiction", "but each side was to be at least 1, so the sum were at least this: no weights do it"
)
ON_ROWS = rule("network on all rows", "the outputs are the truth table")
UNITS = rule("units of the hidden layer", "so many ReLU units in one hidden layer are enough")
NO_SINGLE = rule(
    "no single unit",
    "one unit, or one ReLU unit in a hidden layer, splits the inputs by a line; the proof below shows that no line does",
)

GATES = {
    "and": lambda x: all(x), "or": lambda x: any(x), "xor": lambda x: sum(x) % 2 == 1, "nand": lambda x: not all(x),
    "nor": lambda x: not any(x), "xnor": lambda x: sum(x) % 2 == 0, "parity": lambda x: sum(x) % 2 == 1,
    "majority": lambda x: 2 * sum(x) > len(x), "not": lambda x: not x[0],
}  # fmt: skip


@questions("implements", "truth_table")
@dataclass(frozen=True)
class Implements:
    """A network for a gate (and, or, xor, nand, nor, xnor, majority, parity) of so many `inputs`, or for a `table` of
    outputs in the order 00, 01, 10, 11; and whether a single unit could do it."""

    gate: str = ""
    inputs: int = 2
    table: Numbers = None

    def derive(self, given: Any) -> Derivation:
        rows, targets = self.rows()
        weights = separation(rows, targets)
        mark = given.names.mark("function", (tuple(rows), tuple(targets)))
        letters = symbols(len(rows[0]), mark)
        sections = (
            [separation_section(rows, targets, weights, letters)]
            if weights
            else inseparability_sections(rows, targets, letters)
        )
        network, values = construction(rows, targets)
        stack = stack_of(replace(given, network=network, values=values, loss=None))
        section, _ = numeric_section(stack)
        work = Work("A network that does it", stack.numeric_world)
        column = ImmutableDenseMatrix([[Integer(t)] for t in targets])
        work.equal(stack.output, column, why=ON_ROWS, result=True)
        units, hidden = (Symbol("_".join(filter(None, ("N", what, mark)))) for what in ("units", "hidden"))
        counting = stack.counting([(units, ("count", "0", "biases")), (hidden, ("count", "", "hidden layers"))])
        count = network.layers[0].units
        work.claim(HasCount(counting, units, (Integer(count),)), UNITS)
        made = replace(section, heading="A network that does it", steps=(*section.steps, *work.steps))
        answers = (
            Answer("hidden_units", Integer(count), lambda v: HasCount(counting, units, (v,)), True),
            Answer("hidden_layers", Integer(1), lambda v: HasCount(counting, hidden, (v,))),
        )
        return Derivation("The function as a network", (*sections, made), answers)

    def rows(self) -> tuple[list[tuple[int, ...]], list[int]]:
        """The rows of the truth table and the function's values; raises GivenError for what is no Boolean function."""
        if self.table is not None:
            values = list(self.table) if isinstance(self.table, tuple) else [self.table]
            count = len(values).bit_length() - 1
            if len(values) not in (2, 4, 8, 16) or any(v not in (0, 1) for v in values):
                raise GivenError("a table has 2, 4, 8 or 16 entries, each 0 or 1")
            return list(product((0, 1), repeat=count)), [int(v) for v in values]
        if self.gate not in GATES:
            raise GivenError(f"'{self.gate}' is no gate ({', '.join(GATES)}); or give a table: [0, 1, 1, 0]")
        count = 1 if self.gate == "not" else self.inputs
        if not 1 <= count <= 4:
            raise GivenError("a gate has up to 4 inputs here")
        listed = list(product((0, 1), repeat=count))
        return listed, [int(GATES[self.gate](row)) for row in listed]


def separation(rows: list[tuple[int, ...]], targets: list[int]) -> tuple[Any, ...] | None:
    """Exact weights and a bias with w x + b >= 1 on rows of 1 and <= -1 on rows of 0; None where there are none."""
    from scipy.optimize import linprog

    signs = [1 if t else -1 for t in targets]
    system = [[-s * x for x in (*row, 1)] for row, s in zip(rows, signs, strict=True)]
    found = linprog([0] * (len(rows[0]) + 1), A_ub=system, b_ub=[-1] * len(rows), bounds=(None, None))
    if not found.success:
        return None
    weights = tuple(rational(value) for value in found.x)
    exact = all(
        s * sum(w * x for w, x in zip(weights, (*row, 1), strict=True)) > 0 for row, s in zip(rows, signs, strict=True)
    )
    return weights if exact else None


def rational(value: float) -> Rational:
    """The simple fraction near a number of the linear program."""
    near = Fraction(float(value)).limit_denominator(64)
    return Rational(near.numerator, near.denominator)


def symbols(count: int, mark: str = "") -> list[Any]:
    """w_1, w_2, ..., b; with a mark for any but the first function of a problem."""
    return [
        Symbol("_".join(filter(None, names)), real=True)
        for names in (*(("w", str(k + 1), mark) for k in range(count)), ("b", mark))
    ]


def written(row: tuple[int, ...], letters: list[Any]) -> Any:
    """w x + b for a row, without zeros where something else is left: b alone would not say which row it is."""
    if not any(row):
        return Terms(*[Factors(letter, Numeral(0)) for letter in letters[:-1]], letters[-1])
    return Terms(*[letter for letter, x in zip(letters, (*row, 1), strict=True) if x])


def separation_section(rows: list[Any], targets: list[int], weights: tuple[Any, ...], letters: list[Any]) -> Section:
    """One unit: its weights, and the side on which each row lies."""
    world = Formulas(tuple(zip(letters, weights, strict=True)))
    work = Work("A single unit decides it", world)
    for letter, weight in zip(letters, weights, strict=True):
        work.equal(letter, Numeral(weight), why=CHOOSE)
    for row, target in zip(rows, targets, strict=True):
        value = sum(w * x for w, x in zip(weights, (*row, 1), strict=True))
        about = ("".join(map(str, row)), Integer(target))
        work.equal(written(row, letters), Numeral(value), why=SEPARATES, about=about)
        relation = Gt(Numeral(value), 0, evaluate=False) if target else Gt(0, Numeral(value), evaluate=False)
        work.claim(Holds(world, relation), SEPARATES, about)
    return work.section()


def inseparability_sections(rows: list[Any], targets: list[int], letters: list[Any]) -> list[Section]:
    """Farkas: multiples of the rows' inequalities whose sum contradicts itself, in exact numbers."""
    certificate = farkas(rows, targets)
    work = Work("No single unit can do it", Formulas())
    terms, total = [], Integer(0)
    for row, target, factor in zip(rows, targets, certificate, strict=True):
        if factor:
            signed = Factors(Numeral(factor if target else -factor), written(row, letters))
            terms.append(signed)
            total += factor
    shown = ", ".join(str(f) for f in certificate)
    work.equal(Terms(*terms), Integer(0), why=CONTRADICTION, about=(shown,))
    work.claim(Holds(Formulas(), Gt(Numeral(total), 0, evaluate=False)), ABOVE_ZERO, (), True)
    from derive.derivation import Reason

    return [replace(work.section(), remark=Reason(NO_SINGLE))]


def farkas(rows: list[Any], targets: list[int]) -> list[Any]:
    """Numbers, not negative, that combine the inequalities s (w x + b) >= 1 to 0 >= a positive number; exact."""
    from scipy.optimize import linprog

    signs = [1 if t else -1 for t in targets]
    columns = [[s * x for x in (*row, 1)] for row, s in zip(rows, signs, strict=True)]
    system = [list(column) for column in zip(*columns, strict=True)] + [[1] * len(rows)]
    found = linprog([0] * len(rows), A_eq=system, b_eq=[0] * (len(rows[0]) + 1) + [len(rows)], bounds=(0, None))
    if not found.success:
        raise NotDerivable("a proof that the function cannot be separated")
    certificate = [rational(value) for value in found.x]
    sums = [sum(c * v for c, v in zip(certificate, column, strict=True)) for column in zip(*columns, strict=True)]
    if any(sums) or min(certificate) < 0 or sum(certificate) <= 0:
        raise NotDerivable("an exact proof that the function cannot be separated")
    return certificate


def construction(rows: list[Any], targets: list[int]) -> tuple[Network, dict[str, Any]]:
    """One hidden layer of ReLU units and a linear output: the function along the line s = v x, a kink a unit."""
    count = len(rows[0])
    symmetric = len({(sum(row), t) for row, t in zip(rows, targets, strict=True)}) == count + 1
    direction = [1] * count if symmetric else [2**k for k in reversed(range(count))]
    values: dict[int, int] = {}
    for row, target in zip(rows, targets, strict=True):
        values[sum(v * x for v, x in zip(direction, row, strict=True))] = target
    last = max(values)
    slopes = [values[s + 1] - values[s] for s in range(last)]
    rising = [(s, slopes[s] - (slopes[s - 1] if s else 0)) for s in range(last)]
    falling = [(s + 1, (slopes[s + 1] if s + 1 < last else 0) - slopes[s]) for s in range(last)]
    rising, falling = ([(s, c) for s, c in kinks if c] for kinks in (rising, falling))
    if len(falling) < len(rising):
        units, start = [(-1, s, c) for s, c in falling], values[last]
    else:
        units, start = [(1, s, c) for s, c in rising], values[0]
    units = units or [(1, 0, 0)]
    network = Network(count, (Dense(len(units), Activation("relu")), Dense(1)), "row")
    return network, {
        "X": tuple(tuple(map(Integer, row)) for row in rows),
        "W1": tuple(tuple(Integer(sign * v) for sign, _, _ in units) for v in direction),
        "b1": tuple(Integer(-sign * s) for sign, s, _ in units),
        "W2": tuple((Integer(c),) for _, _, c in units),
        "b2": (Integer(start),),
    }
