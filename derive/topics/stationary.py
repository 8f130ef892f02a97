"""Stationary points in vectors, matrices and scalars: derivatives set to zero, solved where that has a closed form, and
the proof that it is a minimum; an honest word where there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sympy import Add, Ge, Integer, Mul, Symbol
from sympy.matrices.expressions import Identity, ZeroMatrix
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra import arrays
from derive.algebra.differentials import chains, hessian
from derive.algebra.equations import Solved, solve_for
from derive.algebra.naming import without
from derive.algebra.nodes import Gradient, add, is_array, matmul, transpose
from derive.algebra.tidy import product, pushed, tidy, transposed
from derive.derivation import Answer, Claim, Derivation, Equal, Holds, IsMinimum, Section, Work, rule
from derive.errors import NotDerivable
from derive.topics.objective import Objective, definition_section, gradient_section
from derive.worlds import Formulas

ZERO = rule("stationary", "at the {1} the derivative in {0} is zero")
COLLECT = rule("collect the unknown", "what holds {0} to the left")
INVERT = rule("multiply by the inverse", "multiply by the inverse")
DIVIDE = rule("divide by the factor", "divide by the factor")
ENTRIES = rule("solve entry by entry", "solve for each entry")
BETWEEN = rule("multiply from both sides", "multiply by {0} from the left and from the right")
SCALAR = rule("solve for a scalar", "solve for {0}")
INSERT = rule("insert the multiplier", "insert the multiplier")
CONSTRAINT = rule("the constraint", "the constraint, with the stationary point put in")
LAGRANGE = rule("Lagrange function", "the objective plus the multiplier times the constraint")
CURVATURE = rule("second derivatives of the objective", "the second derivatives")
FORM = rule("as a quadratic form", "as a quadratic form in any vector v")
NOT_NEGATIVE = rule("not negative", "a sum of squares (and of positive terms) is not negative")
IS_MINIMUM = rule("so it is the minimum", "so the {0} lies there")
NEWTON = rule("Newton step", "one Newton step, from any {0}: the gradient and the Hessian there")
NO_CLOSED_FORM = rule("no closed form", "setting this to zero gives no closed form for {0}; it is solved step by step")
HOW = {"invert": INVERT, "divide": DIVIDE, "entries": ENTRIES, "scalar": SCALAR, "between": BETWEEN}


@dataclass(frozen=True)
class Stationary:
    """An objective, its unknowns, and a constraint (a pair of sides) or None. `sign` is -1 for a maximum."""

    given: Any
    of: Any
    over: tuple[Any, ...]
    constraint: Any = None
    sign: int = 1

    @cached_property
    def multiplier(self) -> Any:
        """The Lagrange multiplier: a number, or a vector for a vector of constraints."""
        name = next(n for n in ("lambda", "kappa", "nu", "eta") if n not in self.given.symbols)
        left = self.constraint[0]
        return MatrixSymbol(name, *left.shape) if is_array(left) else Symbol(name, real=True)

    @cached_property
    def slack(self) -> Any:
        """left - right of the constraint."""
        left, right = self.constraint
        return tidy(matmul(1, left) if right == 0 else _minus(left, right))

    @cached_property
    def lagrangian(self) -> Any:
        """f + lambda (left - right)."""
        if is_array(self.slack):
            return self.of + arrays.Scalar(matmul(transpose(self.multiplier), self.slack))
        return self.of + self.multiplier * self.slack

    @cached_property
    def objective(self) -> Objective:
        """What is differentiated: the objective, or its Lagrange function."""
        if self.constraint is None:
            return Objective(self.given, self.of, self.over)
        name = next(n for n in ("Lambda", "Phi", "Psi") if n not in self.given.symbols)
        symbol = Symbol(name, real=True)
        given = replace(
            self.given,
            define=(*self.given.define, (symbol, self.lagrangian)),
            symbols={**self.given.symbols, name: symbol},
        )
        return Objective(given, symbol, self.over)

    @cached_property
    def gradients(self) -> dict[Any, Any]:
        """The derivatives, with the names that depend on the unknown written out."""
        return {u: self._unfolded(self.objective.gradients[u], u) for u in self.over}

    def _unfolded(self, expr: Any, unknown: Any) -> Any:
        """Names that the unknown moves written out, and names that are not the author's."""
        moving = Objective(self.given, self.of, (unknown,)).moving[:-1]
        names = {symbol for symbol, _ in [*moving, *self.objective.made]}
        return without(expr, [(s, e) for s, e in self.objective.named[:-1] if s in names])

    @cached_property
    def solved(self) -> list[Solved]:
        """Each unknown from its own equation, those that are solved put into the others; then the multiplier."""
        found: list[Solved] = []
        for unknown in self.over:
            equation = tidy(self.inserted(self.gradients[unknown], found))
            found.append(solve_for(unknown, equation))
        if self.constraint is not None:
            slack = tidy(self.inserted(self.slack, found))
            found.append(solve_for(self.multiplier, slack))
        return found

    def inserted(self, expr: Any, found: list[Solved]) -> Any:
        for one in reversed(found):
            expr = expr.xreplace({one.symbol: one.value})
        return expr

    @cached_property
    def point(self) -> dict[Any, Any]:
        """Every unknown (and the multiplier) as it was solved, the multiplier put in."""
        values = {one.symbol: one.value for one in self.solved}
        if self.constraint is None:
            return values
        last = self.solved[-1]
        return {symbol: value if symbol == last.symbol else tidy(value.xreplace({last.symbol: last.value}))
                for symbol, value in values.items()}  # fmt: skip

    @cached_property
    def closed(self) -> dict[Any, Any]:
        """Every unknown in the data alone."""
        names = self.objective.named[:-1]
        closed = {}
        for symbol, expr in self.point.items():
            for _ in range(len(self.point) + 1):
                expr = tidy(without(expr, names).xreplace(self.point))
            closed[symbol] = expr
        return closed

    @cached_property
    def small(self) -> tuple[Any, ...]:
        """The sizes of the unknowns, which are to be less than the number of data."""
        sizes = [size for unknown in self.over if is_array(unknown) for size in unknown.shape]
        return tuple(dict.fromkeys(size for size in sizes if size.is_Symbol))

    @cached_property
    def world(self) -> Formulas:
        """The unknowns free."""
        return replace(self.objective.world, small=self.small)

    @cached_property
    def at_point(self) -> Formulas:
        """The unknowns at the stationary point."""
        pending = [*self.point.items(), *self.objective.world.definitions]
        known = {symbol for symbol, _ in pending}
        ordered: list[tuple[Any, Any]] = []
        while pending:
            ready = next(pair for pair in pending if not pair[1].free_symbols & known)
            pending.remove(ready)
            known.discard(ready[0])
            ordered.append(ready)
        return replace(self.world, definitions=tuple(ordered))


def _minus(left: Any, right: Any) -> Any:
    return add(left, matmul(-1, right)) if is_array(left) else left - right


def stationary_derivation(problem: Stationary, heading: str) -> Derivation:
    """The whole answer: the closed form with its proof, or the honest word and a Newton step."""
    try:
        solved = problem.solved
    except NotDerivable as error:
        return open_derivation(problem, heading, error)
    kind = "maximum" if problem.sign < 0 else "minimum"
    sections = [definition_section(problem.objective), gradient_section(problem.objective, "Derivatives")]
    if problem.constraint is not None:
        quantities = sections[0]  # the Lagrange function, which stands last in them, has a section of its own
        shown = replace(quantities, steps=quantities.steps[:-1])
        sections[:1] = [*([shown] if shown.steps else []), lagrange_section(problem)]
    for one in solved:
        if one.symbol in problem.over:
            sections.append(solution_section(problem, one, kind))
    if problem.constraint is not None:
        sections.append(multiplier_section(problem))
    sections += proof_sections(problem, kind)
    answers = tuple(Answer(symbol.name, problem.point[symbol], point_claim(problem, symbol)) for symbol in problem.over)
    return Derivation(heading, tuple(_widened(section, problem) for section in sections), answers)


def _widened(section: Section, problem: Stationary) -> Section:
    """The section with its sizes such that the inverses exist."""
    steps = []
    for step in section.steps:
        world = step.claim.world
        if isinstance(world, Formulas) and world.small != problem.small:
            step = replace(step, claim=replace(step.claim, world=replace(world, small=problem.small)))
        steps.append(step)
    return replace(section, steps=tuple(steps))


def point_claim(problem: Stationary, symbol: Any) -> Callable[[Any], Claim]:
    """What an author's value for an unknown says: that it is the one at the stationary point."""
    return lambda value: Equal(problem.at_point, (symbol, value))


def lagrange_section(problem: Stationary) -> Section:
    """The Lagrange function."""
    work = Work("Lagrange function", problem.objective.world)
    work.equal(problem.objective.symbol, problem.lagrangian, why=LAGRANGE)
    return work.section()


def solution_section(problem: Stationary, one: Solved, kind: str) -> Section:
    """The equation of one unknown, its terms collected, and solved."""
    work = Work(f"Solve for {one.symbol}", problem.at_point)
    gradient = problem.gradients[one.symbol]
    zero = ZeroMatrix(*one.symbol.shape) if is_array(one.symbol) else Integer(0)
    work.equal(gradient, zero, why=ZERO, about=(one.symbol, kind))
    if one.how in ("invert", "between"):
        work.equal(one.left, one.right, why=BETWEEN if one.how == "between" else COLLECT, about=(one.symbol,))
    if (one.left, one.right) != (one.symbol, one.value) or one.how not in ("invert", "between"):
        why = INVERT if one.how == "between" else HOW[one.how]
        about = (one.symbol,) if why is SCALAR else ()
        work.equal(one.symbol, one.value, why=DIVIDE if one.how == "between" else why, about=about, result=True)
    return work.section()


def multiplier_section(problem: Stationary) -> Section:
    """The multiplier from the constraint, and the unknowns with it."""
    work = Work("The multiplier", problem.at_point)
    one = problem.solved[-1]
    left, right = problem.constraint
    put_in = problem.inserted(left, problem.solved[:-1])
    work.equal(tidy(put_in), right, why=CONSTRAINT)
    work.equal(one.symbol, one.value, why=SCALAR if not is_array(one.symbol) else INVERT, about=(one.symbol,))
    for unknown in problem.over:
        before = next(s.value for s in problem.solved if s.symbol == unknown)
        work.equal(unknown, *dict.fromkeys([before, problem.point[unknown]]), why=INSERT, result=True)
    return work.section()


def proof_sections(problem: Stationary, kind: str) -> list[Section]:
    """The Hessian as a quadratic form where there is one unknown; then the minimum."""
    work = Work(f"It is the {kind}", problem.world)
    (unknown, *others) = problem.over
    if not others and problem.constraint is None:
        curvature_steps(problem, unknown, work)
    point = tuple((u, problem.closed[u]) for u in problem.over)
    constraints = () if problem.constraint is None else (problem.slack,)
    proof = "convex" if constraints or not others else ""
    world = replace(problem.world, definitions=authored(problem))
    claim = IsMinimum(world, problem.of, point, constraints, problem.sign < 0, proof=proof)
    work.claim(claim, IS_MINIMUM, (kind,), True)
    return [work.section()]


def authored(problem: Stationary) -> tuple[tuple[Any, Any], ...]:
    """The author's definitions."""
    return tuple(problem.given.define)


def curvature_steps(problem: Stationary, unknown: Any, work: Work) -> None:
    """The second derivatives, and that their quadratic form is not negative, where they form squares."""
    expr = without(problem.objective.expr, problem.objective.named[:-1])
    symbol = problem.objective.symbol
    if not is_array(unknown):
        return
    try:
        matrix = hessian(problem.sign * expr, unknown)
    except NotDerivable:
        return
    if unknown.shape[1] != 1:
        return
    signed = matrix if problem.sign > 0 else tidy(matmul(-1, matrix))
    work.equal(arrays.Hessian(symbol, unknown), signed, why=CURVATURE)
    direction = MatrixSymbol("v" if "v" not in problem.given.symbols else "delta", *unknown.shape)
    squares = sum_of_squares(matrix, direction)
    if squares is None:
        return
    form = arrays.Scalar(matmul(transpose(direction), matrix, direction))
    work.equal(form, squares, why=FORM)
    work.claim(Holds(problem.world, Ge(squares, 0, evaluate=False)), NOT_NEGATIVE)


def sum_of_squares(matrix: Any, v: Any) -> Any:
    """v' M v as a sum of terms that cannot be negative; None where a term has no such form."""
    terms = []
    for scalar, chain in chains(matrix):
        if not _is_positive(scalar):
            return None
        inner = _square(chain, v)
        if inner is None:
            return None
        terms.append(scalar * inner)
    return Add(*terms)


def _is_positive(scalar: Any) -> bool:
    return all(f.is_positive or isinstance(f, arrays.Norm) for f in Mul.make_args(scalar))


def _square(chain: tuple[Any, ...], v: Any) -> Any:
    if len(chain) == 1 and isinstance(chain[0], Identity):
        return arrays.Norm(v) ** 2
    if len(chain) % 2 and isinstance(chain[len(chain) // 2], arrays.PositiveDefinite | arrays.Diag):
        half, middle = chain[: len(chain) // 2], chain[len(chain) // 2]
        if chain[len(chain) // 2 + 1 :] != tuple(transposed(f) for f in reversed(half)):
            return None
        column = product(Integer(1), (*chain[len(chain) // 2 + 1 :], v))
        if isinstance(middle, arrays.Diag) and not _positive_entries(middle.array):
            return None
        return arrays.Scalar(matmul(pushed(transpose(column)), middle, column))
    half = chain[: len(chain) // 2]
    if len(chain) % 2 or chain[len(chain) // 2 :] != tuple(transposed(f) for f in reversed(half)):
        return None
    return arrays.Norm(product(Integer(1), (*chain[len(chain) // 2 :], v))) ** 2


def _positive_entries(array: Any) -> bool:
    return isinstance(array, arrays.PositiveArray)


def open_derivation(problem: Stationary, heading: str, error: NotDerivable) -> Derivation:
    """The stationarity equation, the honest word, and a Newton step for one vector."""
    sections = [definition_section(problem.objective)]
    section = gradient_section(problem.objective, "Derivatives")
    unknown = problem.over[0]
    work = Work("No closed form", problem.objective.world)
    symbol = problem.objective.symbol
    work.gradient(symbol, unknown, problem.gradients[unknown], why=NO_CLOSED_FORM, about=(unknown,))
    sections += [section, work.section()]
    answers: tuple[Answer, ...] = ()
    if len(problem.over) == 1 and is_array(unknown) and unknown.shape[1] == 1 and problem.constraint is None:
        step, answers = newton_section(problem, unknown)
        sections.append(step)
    elif len(problem.over) != 1 or problem.constraint is not None:
        raise error
    return Derivation(heading, tuple(sections), answers)


def newton_section(problem: Stationary, w: Any) -> tuple[Section, tuple[Answer, ...]]:
    """w_new = w - inv(H) g, with the Hessian and the gradient of the objective."""
    objective = problem.objective
    expr = without(objective.expr, objective.named[:-1])
    matrix = hessian(expr, w)
    name = f"{w.name}_new"
    new = MatrixSymbol(name, *w.shape)
    symbol = objective.symbol
    exact = _minus(w, matmul(arrays.Inv(arrays.Hessian(symbol, w)), Gradient(symbol, w)))
    world = replace(objective.world, definitions=(*objective.world.definitions, (new, exact)), small=problem.small)
    work = Work("Newton's method", world)
    work.equal(arrays.Hessian(symbol, w), matrix, why=CURVATURE)
    step = _minus(w, matmul(arrays.Inv(matrix), problem.gradients[w]))
    work.equal(new, exact, step, why=NEWTON, about=(w,), result=True)
    answer = Answer("newton", step, lambda value: Equal(world, (new, value)))
    return work.section(), (answer,)
