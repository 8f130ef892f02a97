"""Minima and maxima of a function of several scalars: the coupled equations solved through, each point classified, and the
square completed where the function is quadratic."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from sympy import (
    Abs,
    Expr,
    Gt,
    Integer,
    Matrix,
    Max,
    Min,
    Piecewise,
    PolynomialError,
    Symbol,
    limit,
    nan,
    oo,
    solve,
    zoo,
)
from sympy import sign as sign_of

from derive.algebra.critical import UNSOLVED, domain_of, shortest, written_out
from derive.algebra.nodes import Partial
from derive.algebra.scalars import scalar_derivative
from derive.algebra.squares import Quadratic
from derive.derivation import (
    Answer,
    Derivation,
    Holds,
    IsMinimum,
    IsSaddle,
    IsStationary,
    NoMinimum,
    Point,
    Section,
    Work,
    rule,
)
from derive.errors import NotDerivable
from derive.topics.extremum import Extremum, equal_claim, value_claim

DIFFERENTIATE = rule("derivative of the objective", "differentiate")
SYSTEM = rule("all derivatives vanish", "all solutions of: every derivative = 0")
LINEAR_SYSTEM = rule("a linear system", "the derivatives are linear in the unknowns: a linear system, solved")
NO_SOLUTION = rule("a system without solution", "the derivatives never vanish together")
SECOND = rule("second derivative of the objective", "differentiate once more")
SQUARES = rule("complete the square", "complete the square, one unknown after the other")
BY_SQUARES = rule("squares are not negative", "the squares are not negative, and vanish there")
BY_NEGATIVE_SQUARES = rule("squares with a minus", "the squares are subtracted, and vanish there")
SADDLE = rule("second derivatives of both signs", "along some directions it rises, along others it falls")
FALLS = rule("a direction without bound", "along this way it {0} without bound")
VALUE = rule("the value at a point", "put in")
LOCAL = rule("local extremum by second derivatives", "the matrix of second derivatives is {0} definite there")
MINORS = rule("leading minors", "positive, and so are all leading minors of the matrix of second derivatives")
BY_CONVEXITY = rule("convex in several unknowns", "by these minors the objective is {0}, and it is stationary there")
UNPROVED = rule("only checked numerically", "derive found no proof that it is the {0}")


class Several:
    """The study of one problem of several unknowns."""

    def __init__(self, problem: Extremum):
        self.problem, self.unknowns = problem, problem.over

    @cached_property
    def gradient(self) -> dict[Any, Expr]:
        return {u: shortest(scalar_derivative(self.problem.function, u)) for u in self.unknowns}

    @cached_property
    def second(self) -> dict[tuple[Any, Any], Expr]:
        return {
            (s, t): shortest(scalar_derivative(self.gradient[s], t))
            for k, s in enumerate(self.unknowns)
            for t in self.unknowns[k:]
        }

    @cached_property
    def quadratic(self) -> Quadratic | None:
        """The problem as a quadratic one, where no second derivative depends on an unknown."""
        free: set[Any] = set().union(*(e.free_symbols for e in self.second.values()))
        return None if free & set(self.unknowns) else Quadratic(self.problem.function, self.unknowns)

    @cached_property
    def matrix(self) -> Matrix:
        return Matrix(
            [[self.second[min((s, t), (t, s), key=self._order)] for t in self.unknowns] for s in self.unknowns]
        )

    def _order(self, pair: tuple[Any, Any]) -> int:
        return 0 if pair in self.second else 1

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """All stationary points."""
        if self.quadratic is not None:
            found = self.quadratic.point
            return () if found is None or not self._is_inside(found) else (tuple(found.items()),)
        equations = [written_out(e) for e in self.gradient.values()]
        if not all(e.is_polynomial(*self.unknowns) for e in equations) and not self.is_separable:
            raise NotDerivable("the equations are coupled, and not polynomial")
        try:
            listed = solve(equations, list(self.unknowns), dict=True)
        except UNSOLVED:
            raise NotDerivable("SymPy finds no solution of the coupled equations in closed form") from None
        points = []
        for values in listed:
            values = {u: shortest(values.get(u, u)) for u in self.unknowns}
            if any(
                v.is_real is None or (v.is_real and v.is_number and v.has(Integer) and len(str(v)) > 60)
                for v in values.values()
            ):
                raise NotDerivable("SymPy does not tell whether a solution is real, or has no short form for it")
            if all(v.is_real for v in values.values()) and self._is_inside(values):
                points.append(tuple(values.items()))
        return tuple(points)

    @property
    def is_separable(self) -> bool:
        return all(self.gradient[u].free_symbols & set(self.unknowns) <= {u} for u in self.unknowns)

    def _is_inside(self, values: dict[Any, Expr]) -> bool:
        for u, value in values.items():
            domain = domain_of(u)
            if domain.start == -oo or value == u:
                continue
            inside = value.is_positive and (domain.end == oo or (domain.end - value).is_positive)
            if inside is None:
                raise NotDerivable(f"it is open whether the solution for {u} lies in its domain")
            if not inside:
                return False
        return True


def several_unknowns_derivation(problem: Extremum) -> Derivation:
    """The whole study. Raises NotDerivable where the equations have no solution in closed form that derive finds."""
    study = Several(problem)
    if written_out(problem.function).has(Abs, Max, Min, Piecewise, sign_of):
        raise NotDerivable("the function has kinks, at which it has no derivative")
    if not study.points and study.quadratic is None:
        raise NotDerivable("derive finds no stationary point")
    sections = [problem.objective_section(), gradient_section(study), stationary_section(study)]
    last, answers = conclusion(study)
    return Derivation(f"The {problem.kind}", (*sections, *last), answers)


def gradient_section(study: Several) -> Section:
    work = Work("Derivatives", study.problem.world)
    for u, value in study.gradient.items():
        work.gradient(study.problem.name, u, value, why=DIFFERENTIATE)
    return work.section()


def stationary_section(study: Several) -> Section:
    """All solutions of the coupled equations."""
    problem = study.problem
    work = Work("Stationary points", problem.world)
    claim = IsStationary(problem.world, problem.name, study.unknowns, study.points, are_all=True)
    why = NO_SOLUTION if not study.points else LINEAR_SYSTEM if study.quadratic else SYSTEM
    return work.claim(claim, why, (), True).section()


def conclusion(study: Several) -> tuple[list[Section], tuple[Answer, ...]]:
    """Which of the points is the minimum, and why; or that there is none."""
    if study.quadratic is not None:
        return quadratic_conclusion(study, study.quadratic)
    return general_conclusion(study)


def quadratic_conclusion(study: Several, q: Quadratic) -> tuple[list[Section], tuple[Answer, ...]]:
    """By the signs of the squares."""
    problem = study.problem
    sign = problem.sign
    work = Work(f"The {problem.kind}", problem.world)
    falling = q.direction(-sign)
    if q.point is None or falling is not None:
        downwards = falling or (q.flat_direction() if sign > 0 else tuple(-d for d in q.flat_direction() or ()))
        if not downwards:
            raise NotDerivable("the direction along which it has no bound")
        if q.point is not None and q.direction(sign) is not None:
            work.claim(IsSaddle(problem.world, problem.name, tuple(q.point.items())), SADDLE, (), True)
        elif q.point is not None:
            other = "maximum" if sign > 0 else "minimum"
            squares_steps(study, q, work, -sign, other)
        no_bound(study, work, dict.fromkeys(study.unknowns, Integer(0)), downwards, -sign * oo)
        return [work.section()], ()
    if any(s * sign < 0 for s in q.signs) or not any(q.signs):
        raise NotDerivable("the sign of the second derivatives")
    point = tuple(q.point.items())
    squares_steps(study, q, work, sign, problem.kind)
    return [work.section()], point_answers(problem, point, q.least)


def squares_steps(study: Several, q: Quadratic, work: Work, sign: int, kind: str) -> None:
    """The square completed, and what follows from it."""
    problem = study.problem
    assert q.point is not None
    if q.completed != problem.function:
        work.equal(problem.name, q.completed, why=SQUARES)
    point = tuple(q.point.items())
    claim = IsMinimum(problem.world, problem.name, point, is_maximum=sign < 0, proof="squares")
    work.claim(claim, BY_SQUARES if sign > 0 else BY_NEGATIVE_SQUARES, (), True)
    work.claim(value_claim(problem, point, q.least), VALUE, (), True)


def point_answers(problem: Extremum, point: Point, value: Any) -> tuple[Answer, ...]:
    """Each unknown, and the value."""
    there = problem.at(point)
    named = tuple(Answer(u.name, v, equal_claim(there, u)) for u, v in point if u != v)
    return (*named, *problem.value_answers(point, value))


def no_bound(study: Several, work: Work, start: dict[Any, Any], direction: Any, bound: Any) -> None:
    """That the objective has no bound along a direction."""
    problem = study.problem
    t = parameter(problem)
    path = tuple((u, start[u] + t * d) for u, d in zip(study.unknowns, direction, strict=True))
    claim = NoMinimum(problem.world, problem.name, path, t, bound, problem.sign < 0)
    work.claim(claim, FALLS, ("rises" if problem.sign < 0 else "falls",), True)


def parameter(problem: Extremum) -> Symbol:
    """A free letter for the parameter of a way."""
    return Symbol(problem.given.named(("letter", "t", ()), ("t", "s", "tau", "r")), positive=True)


def general_conclusion(study: Several) -> tuple[list[Section], tuple[Answer, ...]]:
    """Second derivatives at each point; convexity where the minors show it; a direction without bound; else a numerical
    check alone."""
    problem, sign = study.problem, study.problem.sign
    sections, (local, kinds) = [], classes(study)
    sections.append(local.section())
    last = Work(f"The {problem.kind}", problem.world)
    ray = unbounded_direction(study)
    if ray is not None:
        no_bound(study, last, dict.fromkeys(study.unknowns, Integer(0)), ray, -sign * oo)
        return [*sections, last.section()], ()
    values = [shortest(problem.function.xreplace(dict(point))) for point in study.points]
    ranked = [
        (v, p)
        for v, p, kind in zip(values, study.points, kinds, strict=True)
        if kind != -sign and not indefinite(study.matrix.subs(dict(p)))
    ]
    if not ranked or (not all(v.is_number for v, _ in ranked) and len(ranked) > 1):
        raise NotDerivable("which of the stationary points is the best")
    best = sign * ranked[0][0] if len(ranked) == 1 else min(sign * v for v, _ in ranked)
    chosen = [p for v, p in ranked if shortest(sign * v - best) == 0]
    is_convex = convexity_steps(study, last)
    for point in chosen:
        claim = IsMinimum(problem.world, problem.name, point, is_maximum=sign < 0, proof="convex" if is_convex else "")
        about = ("convex" if sign > 0 else "concave",) if is_convex else (problem.kind,)
        last.claim(claim, BY_CONVEXITY if is_convex else UNPROVED, about, True)
    value = sign * best
    last.claim(value_claim(problem, chosen[0], value), VALUE, (), True)
    answers = point_answers(problem, chosen[0], value)
    return [*sections, last.section()], answers if len(chosen) == 1 else answers[-2:]


def classes(study: Several) -> tuple[Work, list[int]]:
    """1 for a local minimum, -1 for a local maximum, 0 for a saddle or what is open, point by point."""
    problem, kinds = study.problem, []
    work = Work("What kind of points they are", problem.world)
    for (s, t), value in study.second.items():
        work.equal(Partial(problem.name, s, t), value, why=SECOND)
    for point in study.points:
        m = study.matrix.subs(dict(point))
        kind = definite(m)
        kinds.append(kind)
        if kind:
            claim = IsMinimum(problem.world, problem.name, point, is_maximum=kind < 0, is_local=True, proof="curvature")
            work.claim(claim, LOCAL, ("positive" if kind > 0 else "negative",))
        elif indefinite(m):
            work.claim(IsSaddle(problem.world, problem.name, point), SADDLE)
    return work, kinds


def minors(m: Matrix) -> list[Expr]:
    """The leading principal minors."""
    return [shortest(m[:k, :k].det()) for k in range(1, m.rows + 1)]


def definite(m: Matrix) -> int:
    """1 for positive definite, -1 for negative definite, 0 for neither or unknown (Sylvester)."""
    if all(d.is_positive for d in minors(m)):
        return 1
    return -1 if all(d.is_positive for d in minors(-m)) else 0


def indefinite(m: Matrix) -> bool:
    """Whether some 1 x 1 or 2 x 2 block on the diagonal shows both signs."""
    diagonal = [m[k, k] for k in range(m.rows)]
    if any(d.is_positive for d in diagonal) and any(d.is_negative for d in diagonal):
        return True
    pairs = [(i, j) for i in range(m.rows) for j in range(i + 1, m.rows)]
    return any(shortest(m[i, i] * m[j, j] - m[i, j] ** 2).is_negative for i, j in pairs)


def convexity_steps(study: Several, work: Work) -> bool:
    """All leading minors shown to be positive for all values of the unknowns."""
    problem = study.problem
    if any(domain_of(u).end == 1 for u in study.unknowns):
        return False
    found = minors(problem.sign * study.matrix)
    if not all(d.is_positive or _is_positive(d) for d in found):
        return False
    for d in found:
        if not d.is_number:
            work.claim(Holds(problem.world, Gt(d, 0, evaluate=False)), MINORS)
    return True


def _is_positive(d: Expr) -> bool:
    return bool(written_out(d).is_positive)


def unbounded_direction(study: Several) -> tuple[Expr, ...] | None:
    """A simple direction along which the objective falls (or rises) without bound."""
    if any(domain_of(u).start != -oo for u in study.unknowns):
        return None
    problem, size = study.problem, len(study.unknowns)
    axes = [tuple(Integer(int(i == k)) for i in range(size)) for k in range(size)]
    pairs = [
        tuple(a + s * b for a, b in zip(one, other, strict=True))
        for k, one in enumerate(axes)
        for other in axes[k + 1 :]
        for s in (1, -1)
    ]
    t = parameter(problem)
    for direction in [d for one in (*axes, *pairs) for d in (one, tuple(-c for c in one))]:
        there = written_out(problem.function).xreplace(
            {u: t * d for u, d in zip(study.unknowns, direction, strict=True)}
        )
        try:
            value = limit(there, t, oo)
        except (*UNSOLVED, PolynomialError):
            continue
        if value not in (nan, zoo) and value == -problem.sign * oo:
            return direction
    return None
