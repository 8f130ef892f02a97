"""Stationary points in vectors, matrices and scalars: derivatives set to zero, solved where that has a closed form, and
the proof that it is a minimum; an honest word where there is none."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sympy import Dummy, Integer, Mul, Pow, Rational, Symbol, log
from sympy.matrices.expressions import OneMatrix, ZeroMatrix
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra import arrays
from derive.algebra.critical import Curve
from derive.algebra.differentials import hessian
from derive.algebra.equations import Solved, solve_for
from derive.algebra.naming import without
from derive.algebra.nodes import Gradient, Map, Mean, Slot, Total, add, filled, is_array, matmul, transpose
from derive.algebra.notation import text
from derive.algebra.tidy import tidy
from derive.derivation import (
    Answer,
    Claim,
    Derivation,
    Equal,
    IsMinimum,
    IsStationary,
    NoMinimum,
    Reason,
    Section,
    Work,
    rule,
)
from derive.errors import NotDerivable
from derive.topics import headings
from derive.topics.conditions import conditions_section, drawn_by, inverse_steps
from derive.topics.counterexample import SMALL, TINY, at, some_point
from derive.topics.extremum import value_answers
from derive.topics.extremum_proof import CURVATURE, OPEN, letter, proof_sections
from derive.topics.objective import Objective, definition_section, gradient_section, opening
from derive.topics.one_unknown import path_to
from derive.worlds import Formulas

ZERO = rule("stationary", "at the {1} the derivative in {0} is zero")
COLLECT = rule("collect the unknown", "what holds {0} to the left")
INVERT = rule("multiply by the inverse", "multiply by the inverse")
ONLY_ZERO = rule("only zero is sent to zero", "the matrix has an inverse, so only zero is sent to zero")
DIVIDE = rule("divide by the factor", "divide by the factor")
ENTRIES = rule("solve entry by entry", "solve for each entry")
BETWEEN = rule("multiply from both sides", "multiply by {0} from the left and from the right")
SCALAR = rule("solve for a scalar", "solve for {0}")
INSERT = rule("insert the multiplier", "insert the multiplier")
CONSTRAINT = rule("the constraint", "the constraint, with the stationary point put in")
LAGRANGE = rule("Lagrange function", "the objective plus the multiplier times the constraint")
NEWTON = rule("Newton step", "one Newton step, from any {0} at which the Hessian has an inverse")
VALUE = rule("the value at the stationary point", "the {0}: the objective there")
SINGULAR = 24  # points at which a Hessian is looked at for an inverse
LONG = 110  # signs up to which a value is shown
NO_ZERO = rule("no entry of the derivative is zero", "no entry of the derivative in {0} has a zero")
EVERY_ENTRY = rule("an end of every entry", "the same for every entry: it tends to what is {0} than all values")
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
        left = self.constraint[0]
        name = self.given.named(("multiplier", self.of, self.constraint), ("lambda", "kappa", "nu", "eta"))
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
        name = self.given.named(("Lagrange function", self.of, self.constraint), ("Lambda", "Phi", "Psi"))
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
    def is_linear(self) -> bool:
        """Whether the constraint is linear in the unknowns (or there is none)."""
        if self.constraint is None:
            return True
        gradients = [Objective(self.given, self.of_constraint, (u,)).gradients[u] for u in self.over]
        return not any(g.has(*self.over) for g in gradients)

    @property
    def of_constraint(self) -> Any:
        """The constraint as one number that is linear where it is."""
        return self.slack if not is_array(self.slack) else arrays.Scalar(matmul(transpose(self.multiplier), self.slack))

    @property
    def shown(self) -> Any:
        """The objective as it is printed: by its name, where it has one."""
        return self.of if self.constraint is not None else self.objective.symbol

    @property
    def objective_name(self) -> Any:
        """The objective by its name, or as it is written."""
        return self.of

    @cached_property
    def free(self) -> Formulas:
        """The unknowns free, the author's definitions and the objective's name alone."""
        named = () if self.of in dict(self.given.define) or self.constraint else ((self.objective.symbol, self.of),)
        return replace(self.world, definitions=(*self.given.define, *named))

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
        if problem.objective.kinks:
            raise NotDerivable("the objective has kinks, at which it has no derivative")
        solved = problem.solved
    except NotDerivable as error:
        return open_derivation(problem, heading, error)
    kind = "maximum" if problem.sign < 0 else "minimum"
    sections = [definition_section(problem.objective), gradient_section(problem.objective, "Derivatives")]
    if problem.constraint is not None:
        quantities = sections[0]  # the Lagrange function, which stands last in them, has a section of its own
        shown = replace(quantities, steps=quantities.steps[:-1])
        sections[:1] = [*([shown] if shown.steps else []), lagrange_section(problem)]
    conditions = conditions_section(problem)
    sections += [conditions] if conditions else []
    for one in solved:
        if one.symbol in problem.over:
            sections.append(solution_section(problem, one, kind))
    if problem.constraint is not None:
        sections.append(multiplier_section(problem))
    sections += proof_sections(problem, kind)
    value = value_section(problem, kind)
    answers = tuple(Answer(symbol.name, problem.point[symbol], point_claim(problem, symbol)) for symbol in problem.over)
    if not is_best(sections):
        answers = ()
    elif value is not None:
        sections.append(value[0])
        answers += value_answers(problem.at_point, problem.objective_name, value[1], kind)
    drawn = drawn_by(conditions)
    ranks = tuple(array.shape[1] for array in drawn if is_array(array) and array.shape[1].is_Symbol)
    small = ranks or problem.small
    return Derivation(heading, tuple(_widened(section, small, drawn) for section in sections), answers)


def is_best(sections: list[Section]) -> bool:
    """Whether the point is what was asked for: not where there is none, or where nobody claims it."""
    kinds = [type(step.claim) for section in sections for step in section.steps]
    return NoMinimum not in kinds and IsMinimum in kinds


def value_section(problem: Stationary, kind: str) -> tuple[Section, Any] | None:
    """The least (or largest) value, where it comes out in the data alone and short."""
    value = reciprocals_turned(least_value(problem))
    if value is None or value.has(*problem.over) or len(text(value)) > LONG:
        return None
    work = Work("The largest value" if problem.sign < 0 else "The least value", problem.at_point)
    work.equal(problem.objective_name, value, why=VALUE, about=(kind,), result=True)
    return work.section(), value


def reciprocals_turned(value: Any) -> Any:
    """log(1/k) of a positive k as -log(k)."""

    def is_turned(expr: Any) -> bool:
        return isinstance(expr, log) and isinstance(expr.args[0], Pow) and expr.args[0].exp == -1

    def of_base(expr: Any) -> Any:
        base = expr.args[0].base
        return -log(base) if base.is_positive else expr

    return value if value is None else value.replace(is_turned, of_base)


def least_value(problem: Stationary) -> Any:
    """f(u*) = f(0) + <gradient at 0, u*>/2 for a quadratic f; else the point put in."""
    target = without(problem.of, tuple(problem.given.define))
    if len(problem.over) == 1 and problem.constraint is None and is_array(problem.over[0]):
        (unknown,) = problem.over
        zero, gradient = ZeroMatrix(*unknown.shape), without(problem.gradients[unknown], problem.given.define)
        if unknown.shape[1] == 1 and isinstance(problem.closed[unknown], ZeroMatrix):
            return without_zeros(tidy(target.xreplace({unknown: zero}), distribute=True))
        if unknown.shape[1] == 1 and _is_quadratic(target, unknown):
            start = without_zeros(tidy(target.xreplace({unknown: zero}), distribute=True))
            slope = tidy(gradient.xreplace({unknown: zero}), distribute=True)
            return start + arrays.Scalar(tidy(matmul(Rational(1, 2), transpose(slope), problem.closed[unknown])))
    return tidy(target.xreplace({u: problem.closed[u] for u in problem.over}))


def without_zeros(expr: Any) -> Any:
    """The norm, the sum and the quadratic form of zero are zero."""
    made = (arrays.Norm, arrays.Scalar, Total, Mean)

    def is_zero(node: Any) -> bool:
        inner = node.args[0]
        body = inner.body if isinstance(inner, Map) else None
        slots = {Slot(k): Integer(0) for k, a in enumerate(getattr(inner, "arrays", ())) if isinstance(a, ZeroMatrix)}
        return isinstance(inner, ZeroMatrix) or (body is not None and filled(body, slots) == 0)

    return expr.replace(lambda e: isinstance(e, made) and is_zero(e), lambda e: Integer(0))


def _is_quadratic(target: Any, unknown: Any) -> bool:
    try:
        return not hessian(target, unknown).has(unknown)
    except NotDerivable:
        return False


def _widened(section: Section, small: tuple[Any, ...], conditions: tuple[Any, ...]) -> Section:
    """The section with its sizes such that the inverses exist, and its points drawn by the conditions."""
    steps = []
    for step in section.steps:
        world = step.claim.world
        if isinstance(world, Formulas):
            world = replace(world, small=small, conditions=conditions)
            step = replace(step, claim=replace(step.claim, world=world))
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
    work = Work(Reason(headings.SOLVE_FOR, (one.symbol,)), problem.at_point)
    gradient = problem.gradients[one.symbol]
    zero = ZeroMatrix(*one.symbol.shape) if is_array(one.symbol) else Integer(0)
    work.equal(gradient, zero, why=ZERO, about=(one.symbol, kind))
    if one.how in ("invert", "between") and not isinstance(one.right, ZeroMatrix):
        work.equal(one.left, one.right, why=BETWEEN if one.how == "between" else COLLECT, about=(one.symbol,))
    if (one.left, one.right) != (one.symbol, one.value) or one.how not in ("invert", "between"):
        why = INVERT if one.how == "between" else HOW[one.how]
        why = ONLY_ZERO if isinstance(one.value, ZeroMatrix) and one.how == "invert" else why
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


def open_derivation(problem: Stationary, heading: str, error: NotDerivable) -> Derivation:
    """The derivatives, the honest word (or that there is no minimum), and a Newton step for one vector."""
    if len(problem.over) != 1 or problem.constraint is not None:
        raise NotDerivable(f"derive found no closed form: {error}") from None
    (unknown,) = problem.over
    sections = [*opening(problem.objective), gradient_section(problem.objective, "Derivatives")]
    none = entrywise_none(problem) if not problem.objective.kinks else None
    if none is not None:
        return Derivation(heading, (*sections, none))
    words = Work("No closed form", problem.objective.world, Reason(OPEN, (str(error),)))
    answers: tuple[Answer, ...] = ()
    steps: list[Section] = []
    if is_array(unknown) and unknown.shape[1] == 1 and not problem.objective.kinks:
        steps, answers = newton_sections(problem, unknown)
    sections += [replace(steps[0], remark=words.remark), *steps[1:]] if steps else [words.section()]
    return Derivation(heading, tuple(sections), answers)


def entrywise_none(problem: Stationary) -> Section | None:
    """A sum of one function of every entry has no minimum where that function has none."""
    (unknown,) = problem.over
    target = without(problem.of, tuple(problem.given.define))
    factor, target = target.as_independent(Total, as_Add=False)
    if not isinstance(target, Total) or not isinstance(target.array, Map) or target.array.arrays != (unknown,):
        return None
    is_positive = isinstance(unknown, arrays.PositiveArray)
    entry = Dummy("u", positive=True) if is_positive else Dummy("u", real=True)
    curve = Curve(factor * target.array.body.xreplace({Slot(0): entry}), entry)
    try:
        points, ends = curve.points, curve.ends
    except NotDerivable:
        return None
    end, side, bound = min(ends, key=lambda e: problem.sign * e[2])
    if points or not ends:
        return None
    work = Work("The maximum" if problem.sign < 0 else "The minimum", problem.free)
    work.claim(IsStationary(problem.free, problem.shown, (unknown,), (), are_all=True), NO_ZERO, (unknown,), True)
    t = Symbol(letter(problem, "t s tau"), positive=True)
    whole = bound if bound.is_infinite else Mul(*unknown.shape) * bound
    ones = matmul(path_to(end, side, t), OneMatrix(*unknown.shape))
    claim = NoMinimum(problem.free, problem.shown, ((unknown, ones),), t, whole, problem.sign < 0)
    work.claim(claim, EVERY_ENTRY, ("higher" if problem.sign < 0 else "lower",), True)
    return work.section()


def newton_sections(problem: Stationary, w: Any) -> tuple[list[Section], tuple[Answer, ...]]:
    """w_new = w - inv(H) g, with the Hessian and the gradient of the objective, where H has an inverse; nothing where it has none
    at any point that was looked at."""
    objective = problem.objective
    expr = without(objective.expr, objective.named[:-1])
    matrix, free = hessian(expr, w), replace(objective.world, small=problem.small)
    if is_singular(matrix, free):
        return [], ()
    name = f"{w.name}_new"
    new = MatrixSymbol(name, *w.shape)
    symbol = objective.symbol
    exact = _minus(w, matmul(arrays.Inv(arrays.Hessian(symbol, w)), Gradient(symbol, w)))
    second = Work("Newton's method", free)
    second.equal(arrays.Hessian(symbol, w), matrix, why=CURVATURE)
    needed = Work("Conditions", free)
    inverse_steps(problem, matrix, needed)
    conditions = (*free.conditions, *drawn_by(needed.section()))
    world = replace(free, definitions=(*free.definitions, (new, exact)), conditions=conditions)
    step = _minus(w, matmul(arrays.Inv(matrix), problem.gradients[w]))
    last = Work("Newton's method", world).equal(new, exact, step, why=NEWTON, about=(w,), result=True)
    answer = Answer("newton", step, lambda value: Equal(world, (new, value)))
    stated = [replace(s, claim=replace(s.claim, world=replace(free, conditions=conditions))) for s in needed.steps]
    return [replace(second.section(), steps=(*second.steps, *stated, *last.steps))], (answer,)


def is_singular(matrix: Any, world: Formulas) -> bool:
    """Whether a matrix has no inverse at any of a few points, exactly."""
    chance = random.Random(1)
    for _ in range(SINGULAR):
        values = some_point([matrix, *(e for _, e in world.definitions)], world, chance, SMALL)
        try:
            found = at(matrix, world, values)
        except (NotDerivable, ArithmeticError, TypeError, ValueError):
            continue
        if abs(found.det().evalf(30)) > TINY:
            return False
    return True
