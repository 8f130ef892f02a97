"""Why a stationary point of vectors, matrices and scalars is the minimum (or the maximum, or neither): each step is a claim.

One unknown: its second derivatives have one sign. Under linear constraints: the Lagrange function's do. Two unknowns: first in
one of them for any value of the other, then in that other. A scalar whose objective is not convex: the derivative has the sign
of the distance. A covariance: concave in its inverse.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sympy import Add, Dummy, Ge, Gt, Integer, Le, Mul, PolynomialError, Symbol, apart, cancel, oo, together
from sympy.matrices.expressions import Identity
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra import arrays
from derive.algebra.adjoints import adjoints
from derive.algebra.differentials import chains, differential, hessian
from derive.algebra.naming import without
from derive.algebra.nodes import Map, Partial, Slot, Total, add, hadamard, is_array, matmul, transpose
from derive.algebra.signs import sign_of, sign_of_entries, together_as_product, together_as_sum
from derive.algebra.tidy import array_scalars, product, pushed, tidy, transposed
from derive.derivation import Definition, Equal, Holds, IsGradient, IsMinimum, NoMinimum, Reason, Section, Work, rule
from derive.errors import NotDerivable
from derive.topics import headings
from derive.topics.counterexample import SMALL, at, some_point
from derive.topics.objective import Objective
from derive.worlds import Formulas

CURVATURE = rule("second derivatives of the objective", "the second derivatives")
SECOND = rule("second derivative of the objective", "differentiate once more")
FORM = rule("as a quadratic form", "as a quadratic form in any vector {0}")
ALONG = rule("second derivative along a direction", "the second derivative along any direction {0}")
NOT_NEGATIVE = rule("not negative", "a sum of squares (and of positive terms) is not negative")
NOT_POSITIVE = rule("not positive", "minus a sum of squares (and of positive terms) is not positive")
BY_CONVEXITY = rule("so it is the minimum", "the objective is {0} in {1}, and stationary there: this is its {2}")
BY_LAGRANGE = rule(
    "the minimum under constraints",
    "the Lagrange function is {0} in {1} and stationary there, and equals the objective where the constraint holds",
)
FOR_ANY = rule("the first stage", "so for any {0} the {1} in {2} lies there, and does not depend on {0}")
DISTANCE = rule("derivative by the distance", "the derivative by the distance from that point")
FACTOR = rule("the other factor is positive", "positive, so the derivative has the sign of the distance")
IN_INVERSE = rule("in the inverse", "in {0}, since the determinant of an inverse is the inverse of the determinant")
ROOT = rule("with a root", "every positive definite {0} is such a product")
INVERSE_NAMED = rule("the inverse by a name", "it stands for {0} one to one, and the objective is studied in it")
BY_STAGES = rule("in two stages", "first in {0} for any {1}, then in {1}: together this is the {2}")
UNPROVED = rule("only checked numerically", "derive found no proof that it is the {0}")
OPEN = rule("no closed form found", "derive found no closed form: {0}")
NO_BOUND = rule("a direction without bound in vectors", "along any direction {0} it {1} without bound")
LOOKS, WRONG = 12, 1e-9  # data at which second derivatives are looked at; of the largest, what is no rounding


@dataclass(frozen=True)
class Bend:
    """The second derivatives in one unknown as a sum of terms of one sign: the steps that show it."""

    steps: Work
    sign: int


def letter(problem: Any, options: str, what: Any = ()) -> str:
    """A name that nothing else in the problem has: of the quantity `what`, or of what takes any value of that shape."""
    return str(problem.given.named(("letter", options[0], what), options.split()))


def target_of(problem: Any) -> Any:
    """The objective in the author's symbols, without names for parts."""
    return without(problem.of, tuple(problem.given.define))


def bend_of(problem: Any, unknown: Any, target: Any, world: Formulas, name: Any) -> Bend | None:
    """The second derivatives of the target in the unknown, where they are a sum of terms of one sign."""
    work = Work("", world)
    try:
        if not is_array(unknown):
            return _scalar_bend(problem, unknown, target, work, name)
        if unknown.shape[1] == 1:
            return _vector_bend(problem, unknown, target, work, name)
        return _matrix_bend(problem, unknown, target, work)
    except NotDerivable:
        return None


def _signed(work: Work, form: Any, sign: int | None) -> Bend | None:
    """That the form has its sign."""
    if sign is None or sign == 0:
        return None
    relation: Any = (Ge if sign > 0 else Le)(form, 0, evaluate=False)
    if not form.is_number:
        work.claim(Holds(work.world, relation), NOT_NEGATIVE if sign > 0 else NOT_POSITIVE)
    return Bend(work, sign)


def _scalar_bend(problem: Any, unknown: Any, target: Any, work: Work, name: Any) -> Bend | None:
    gradient = Objective(problem.given, target, (unknown,))
    first = without(gradient.gradients[unknown], gradient.made)
    again = Objective(problem.given, tidy(first), (unknown,))
    second = by_sign(tidy(without(again.gradients[unknown], again.named[:-1])), unknown)
    work.equal(Partial(name, unknown, unknown), second, why=SECOND)
    return _signed(work, second, sign_of(second))


def by_sign(expr: Any, unknown: Any) -> Any:
    """The form that shows the sign: as it is, or in partial fractions."""
    inside = {node: Dummy(real=True) for node in array_scalars(expr)}
    try:
        split = apart(expr.xreplace(inside), unknown).xreplace({v: k for k, v in inside.items()})
    except (PolynomialError, NotImplementedError):
        return expr
    return with_complements(split) if sign_of(expr) is None and sign_of(split) is not None else expr


def with_complements(expr: Any) -> Any:
    """n - sum(y) as the sum of 1 - y, for labels y."""
    labels = [node for node in expr.atoms(Total) if isinstance(node.array, arrays.LabelArray)]
    for node in labels:
        other = Total(Map(1 - Slot(0), node.array))
        rest = Mul(*node.array.shape) - node
        expr = expr.replace(lambda e, r=rest: e in (r, -r), lambda e, r=rest, o=other: o if e == r else -o)
    return expr


def _vector_bend(problem: Any, unknown: Any, target: Any, work: Work, name: Any) -> Bend | None:
    matrix = hessian(target, unknown)
    work.equal(arrays.Hessian(name, unknown), matrix, why=CURVATURE)
    direction = MatrixSymbol(letter(problem, "v u delta epsilon", unknown.shape), *unknown.shape)
    found = signed_squares(matrix, direction)
    if found is None:
        return None
    squares, sign = found
    form = arrays.Scalar(matmul(transpose(direction), matrix, direction))
    if not same_on_the_page(form, squares):
        work.equal(form, squares, why=FORM, about=(direction,))
    return _signed(work, squares, sign)


def same_on_the_page(left: Any, right: Any) -> bool:
    """Whether two sides print alike."""
    from derive.algebra.notation import latex

    def bare(side: Any) -> str:
        return str(latex(side)).replace(r"\left(", "").replace(r"\right)", "").replace(" ", "")

    return bare(left) == bare(right)


def signed_squares(matrix: Any, v: Any) -> tuple[Any, int] | None:
    """v' M v as a sum of terms of one sign, and the sign: 2 where it is zero for v = 0 alone; None where a term has no such
    form."""
    terms, signs = [], []
    for scalar, chain in chains(matrix):
        found = square(chain, v)
        if found is None:
            return None
        terms.append(scalar * found[0])
        signs.append(together_as_product([sign_of(scalar), found[1]]))
    sign = together_as_sum(signs)
    return None if sign is None or not terms else (Add(*terms), sign)


def square(chain: tuple[Any, ...], v: Any) -> tuple[Any, int] | None:
    """v' C v for one product C, as a square (or a sum of squares with positive weights), and its sign for v not zero."""
    if len(chain) == 1 and isinstance(chain[0], Identity):
        return arrays.Norm(v) ** 2, 2
    middle = len(chain) // 2
    half = chain[:middle]
    if chain[len(chain) - middle :] != tuple(transposed(f) for f in reversed(half)):
        return None
    column = product(Integer(1), (*chain[len(chain) - middle :], v))
    if len(chain) % 2 == 0:
        return arrays.Norm(column) ** 2, 1
    return _weighted_square(chain[middle], column, is_whole=len(chain) == 1)


def _weighted_square(centre: Any, column: Any, is_whole: bool) -> tuple[Any, int] | None:
    if isinstance(centre, arrays.Diag):
        sign = sign_of_entries(centre.array)
        weighted = Total(hadamard(centre.array, hadamard(column, column)))
        return None if sign is None or sign == 0 else (weighted, sign if is_whole else (1 if sign > 0 else -1))
    inner = centre.array if isinstance(centre, arrays.Inv) else centre
    if not isinstance(inner, arrays.PositiveDefinite):
        return None
    return arrays.Scalar(matmul(pushed(transpose(column)), centre, column)), 2 if is_whole else 1


def _matrix_bend(problem: Any, unknown: Any, target: Any, work: Work) -> Bend | None:
    """Along a direction D: h(t) = f(U + t D), whose second derivative at t = 0 is a sum of squared norms."""
    direction = MatrixSymbol(letter(problem, "D V Delta E", unknown.shape), *unknown.shape)
    found = along(target, unknown, direction)
    if found is None:
        return None
    squares, sign = found
    form = curve_steps(problem, target, unknown, direction, work)
    work.claim(Equal(form.world, (*form.sides, squares)), ALONG, (direction,))
    return _signed(work, squares, sign)


def curve_steps(problem: Any, target: Any, unknown: Any, direction: Any, work: Any) -> Equal:
    """The world in which h(t) = f(U + t D) is known at t = 0, and its second derivative there, still without a value."""
    t = Symbol(letter(problem, "t s tau"), real=True)
    moved = target.xreplace({unknown: add(unknown, matmul(t, direction))})
    h = Symbol(letter(problem, "h phi g", moved), real=True)
    world = replace(work.world, definitions=((t, Integer(0)), (h, moved)))
    work.claim(Definition(world, h, moved), CURVE, (direction,))
    return Equal(world, (Partial(h, t, t),))


CURVE = rule("along a direction", "along a direction {0}")


def along(target: Any, unknown: Any, direction: Any) -> tuple[Any, int] | None:
    """The second derivative of a scalar along a direction, as squared norms with their common sign."""
    free, of = MatrixSymbol(unknown.name, *unknown.shape), Symbol("_")
    gradient = adjoints([(of, target.xreplace({unknown: free}))], of).get(free)
    if gradient is None:
        return None
    change = tidy(differential(tidy(gradient), {free: direction}), distribute=True).xreplace({free: unknown})
    terms, signs = [], []
    for scalar, chain in chains(change):
        places = [k for k, factor in enumerate(chain) if factor.has(direction)]
        if len(places) != 1 or chain[places[0]] != direction:
            return None
        left, right = half_of(chain[: places[0]]), half_of(tuple(map(transposed, reversed(chain[places[0] + 1 :]))))
        if left is None or right is None:
            return None
        inner = product(Integer(1), (*left, direction, *map(transposed, reversed(right))))
        terms.append(scalar * arrays.Norm(inner) ** 2)
        signs.append(together_as_product([sign_of(scalar), 1]))
    sign = together_as_sum(signs)
    return None if sign is None or not terms else (Add(*terms), sign)


def half_of(chain: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """R with chain = R' R; None where there is none."""
    middle = len(chain) // 2
    half = chain[middle:]
    return half if len(chain) % 2 == 0 and chain[:middle] == tuple(transposed(f) for f in reversed(half)) else None


# what follows


def proof_sections(problem: Any, kind: str) -> list[Section]:
    """The proof, and what it proves: the minimum; the opposite and no bound; or the honest word."""
    if problem.constraint is None and len(problem.over) == 2:
        found = stages(problem, kind)
        if found is not None:
            return found
    return [single(problem, kind)]


def single(problem: Any, kind: str) -> Section:
    """By the second derivatives in the one unknown (of the Lagrange function, under a linear constraint)."""
    sign, name = problem.sign, problem.objective.symbol
    world = problem.free
    work = Work(f"It is the {kind}", world)
    (unknown, *others) = problem.over
    bend = None
    if not others and problem.is_linear:
        target = target_of(problem) if problem.constraint is None else without(problem.lagrangian, problem.given.define)
        bend = bend_of(problem, unknown, target, problem.world, name)
    if bend is not None:
        work.steps += bend.steps.steps
        word = "convex" if bend.sign > 0 else "concave"
        if bend.sign * sign > 0 and problem.constraint is None:
            return work.claim(minimum(problem, "convex"), BY_CONVEXITY, (word, unknown, kind), True).section()
        if bend.sign * sign > 0:
            return work.claim(minimum(problem, "convex"), BY_LAGRANGE, (word, unknown), True).section()
        if abs(bend.sign) == 2 and problem.constraint is None:
            return no_bound(problem, unknown, bend, work, word)
    if not others and problem.constraint is None and bends_away(problem, unknown):
        return Section(
            "No closed form", (), Reason(OPEN, (f"whether the stationary point is the {kind} depends on the data",))
        )
    work = replace(work, heading=f"The {kind}")
    return work.claim(minimum(problem, ""), UNPROVED, (kind,), True).section()


def bends_away(problem: Any, unknown: Any) -> bool:
    """Whether the second derivatives of a quadratic objective have the wrong sign in some direction for some data."""
    if not is_array(unknown) or unknown.shape[1] != 1:
        return False
    try:
        matrix = hessian(target_of(problem), unknown)
    except NotDerivable:
        return False
    chance, world = random.Random(1), Formulas((), problem.free.domains)
    for _ in range(LOOKS):
        values = some_point([matrix], world, chance, SMALL)
        try:
            found = at(matrix, world, values)
            lowest = np.linalg.eigvalsh(problem.sign * np.array(found.tolist(), dtype=float))[0]
        except (NotDerivable, ArithmeticError, TypeError, ValueError):
            continue
        if lowest < -WRONG * abs(np.array(found.tolist(), dtype=float)).max():
            return True
    return False


def minimum(problem: Any, proof: str) -> IsMinimum:
    """That the stationary point is the minimum, resting on this proof."""
    point = tuple((u, problem.closed[u]) for u in problem.over)
    constraints = () if problem.constraint is None else (problem.slack,)
    return IsMinimum(problem.free, problem.shown, point, constraints, problem.sign < 0, proof=proof)


def no_bound(problem: Any, unknown: Any, bend: Bend, work: Work, word: str) -> Section:
    """The second derivatives have the wrong sign: the point is the opposite, and there is no bound."""
    other = "minimum" if bend.sign > 0 else "maximum"
    work = replace(work, heading="The maximum" if problem.sign < 0 else "The minimum")
    point = ((unknown, problem.closed[unknown]),)
    claim = IsMinimum(problem.free, problem.shown, point, (), bend.sign < 0, proof="convex")
    work.claim(claim, BY_CONVEXITY, (word, unknown, other), True)
    t = Symbol(letter(problem, "t s tau"), positive=True)
    if is_array(unknown):
        direction = MatrixSymbol(letter(problem, "v u delta", unknown.shape), *unknown.shape)
        path: Any = matmul(t, direction)
        about: Any = direction
    else:
        path, about = t, Integer(1)
    none = NoMinimum(problem.free, problem.shown, ((unknown, path),), t, bend.sign // 2 * oo, problem.sign < 0)
    work.claim(none, NO_BOUND, (about, "grows" if bend.sign > 0 else "falls"), True)
    return work.section()


def stages(problem: Any, kind: str) -> list[Section] | None:
    """First in one unknown for any value of the other, where that does not matter for the best; then in the other."""
    sign, name = problem.sign, problem.objective.symbol
    first, second = problem.over
    values = {one.symbol: one.value for one in problem.solved}
    best = without(values[first], tuple(problem.given.define))
    if best.has(second):
        return None
    target = target_of(problem)
    one = bend_of(problem, first, target, problem.world, name)
    if one is None or one.sign * sign <= 0:
        return None
    work = Work(Reason(headings.FIRST_IN, (first, second)), problem.free)
    work.steps += one.steps.steps
    stage = IsMinimum(problem.free, problem.shown, ((first, best),), (), sign < 0, proof="convex")
    work.claim(stage, FOR_ANY, (second, kind, first), True)
    profile = target.xreplace({first: best})
    then = second_stage(problem, second, profile, best)
    if then is None:
        return None
    then.claim(minimum(problem, "stages"), BY_STAGES, (first, second, kind), True)
    return [work.section(), then.section()]


def second_stage(problem: Any, unknown: Any, profile: Any, best: Any) -> Work | None:
    """The other unknown with the first at its best: convex, monotone on both sides, or concave in the inverse."""
    sign = problem.sign
    world = replace(problem.world, definitions=((problem.over[0], best), *problem.world.definitions))
    work = Work(Reason(headings.THEN_IN, (unknown,)), world)
    if not is_array(unknown):
        bend = bend_of(problem, unknown, profile, world, problem.objective.symbol)
        if bend is not None and bend.sign * sign > 0:
            work.steps += bend.steps.steps
            return work
        return by_distance(problem, unknown, profile, work)
    if isinstance(unknown, arrays.PositiveDefinite):
        return by_inverse(problem, unknown, profile, work)
    return None


def by_distance(problem: Any, unknown: Any, profile: Any, work: Work) -> Work | None:
    """The derivative as (point - unknown) times what is positive."""
    point = problem.closed[unknown]
    gradient = tidy(
        without(problem.gradients[unknown], tuple(problem.given.define)).xreplace(
            {problem.over[0]: problem.closed[problem.over[0]]}
        )
    )
    distance = point - unknown if problem.sign < 0 else unknown - point
    inside: dict[Any, Any] = {node: Symbol(f"_{k}", positive=True) for k, node in enumerate(gradient.atoms(Total))}
    flat, there = tidy(gradient).xreplace(inside), distance.xreplace(inside)
    factor = cancel(together(flat / there)).xreplace({v: k for k, v in inside.items()})
    if sign_of(factor) != 2:
        return None
    shown = Mul(factor, distance, evaluate=False)
    work.claim(IsGradient(work.world, problem.objective.symbol, unknown, (gradient, shown)), DISTANCE)
    work.claim(Holds(problem.free, Gt(factor, 0, evaluate=False)), FACTOR)
    return work


def by_inverse(problem: Any, unknown: Any, profile: Any, work: Work) -> Work | None:
    """Concave (or convex) in P = inv(S): log det S = -log det P, and along a direction the second derivative is a square with
    S = L L'."""
    precision = arrays.PositiveDefinite(letter(problem, "P Q Omega", unknown.shape), *unknown.shape)
    changed = profile.xreplace({arrays.Inv(unknown): precision, arrays.LogDet(unknown): -arrays.LogDet(precision)})
    if changed.has(unknown):
        return None
    root = MatrixSymbol(letter(problem, "L K Gamma", unknown.shape), *unknown.shape)
    direction = arrays.Symmetric(letter(problem, "D E Delta", unknown.shape), *unknown.shape)
    plain = MatrixSymbol(direction.name, *unknown.shape)
    free, of = MatrixSymbol(precision.name, *unknown.shape), Symbol("_")
    gradient = adjoints([(of, changed.xreplace({precision: free}))], of).get(free)
    if gradient is None:
        return None
    change = tidy(differential(tidy(gradient), {free: plain}), distribute=True)
    change = tidy(change.xreplace({plain: direction, free: precision}))
    inverse = arrays.Inv(precision)
    terms, signs = [], []
    for scalar, chain in chains(change):
        if chain != (inverse, direction, inverse):
            return None
        terms.append(scalar * arrays.Norm(matmul(transpose(root), direction, root)) ** 2)
        signs.append(together_as_product([sign_of(scalar), 1]))
    sign = together_as_sum(signs)
    if sign is None or sign * problem.sign <= 0:
        return None
    squares = Add(*terms)
    t = Symbol(letter(problem, "t s tau"), real=True)
    moved = changed.xreplace({precision: add(precision, matmul(t, direction))})
    h = Symbol(letter(problem, "h phi g", moved), real=True)
    definitions = (
        (unknown, matmul(root, transpose(root))), (precision, arrays.Inv(unknown)), (t, Integer(0)), (h, moved),
    )  # fmt: skip
    world = replace(problem.free, definitions=definitions)
    work.claim(Definition(world, unknown, definitions[0][1]), ROOT, (unknown,))
    work.claim(Definition(world, precision, definitions[1][1]), INVERSE_NAMED, (unknown,))
    work.claim(Equal(world, (profile, changed)), IN_INVERSE, (precision,))
    work.claim(Definition(world, h, moved), CURVE, (direction,))
    work.claim(Equal(world, (Partial(h, t, t), squares)), ALONG, (direction,))
    relation: Any = (Ge if sign > 0 else Le)(squares, 0, evaluate=False)
    work.claim(Holds(world, relation), NOT_NEGATIVE if sign > 0 else NOT_POSITIVE)
    return work
