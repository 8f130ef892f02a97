"""The referee: `check` tries to refute a claim, one checker a kind of claim."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import singledispatch
from typing import Any

from sympy import Expr, MatrixExpr, Rational, Sum, count_ops, together

from derive.algebra.nodes import Expectation, Numeral, gradient_symbol, is_array, plain
from derive.checks.batches import Batch, batches, points
from derive.checks.comparison import compare, difference, sides_meet, slack
from derive.checks.evaluate import evaluate, values_at
from derive.checks.quotients import against_quotients
from derive.derivation import Claim, Equal, HasCount, HasMean, HasShape, IsGradient, IsMinimum, Refuted
from derive.errors import Bug
from derive.report import Verdict
from derive.worlds import Formulas

EXACT = 1e-10  # relative, of an expectation that was not sampled
DEVIATIONS = 5  # standard errors, of one that was


@singledispatch
def check(claim: Claim, seed: int = 0) -> Verdict:
    """Tries to refute the claim in its world, at points that the seed fixes."""
    raise Bug(f"no checker for claims of kind {type(claim).__name__}")


@check.register
def check_equal(claim: Equal, seed: int = 0) -> Verdict:
    """All sides at the same points; sides that are rational numbers also exactly."""
    numbers = [plain(side) for side in claim.sides]
    if all(isinstance(n, Rational) for n in numbers) and not any(slack(side).any() for side in claim.sides):
        wrong = [n for n in numbers if n != numbers[0]]
        if wrong:
            return Verdict(False, "in exact arithmetic", 1, float("inf"), f"{numbers[0]} is not {wrong[0]}")
        verdict = compare(claim.sides[1:], Formulas(), seed, lambda b: values_at(claim.sides[0], b), (claim.sides[0],))
        held = verdict.passed or verdict.strength == "tried"  # what rounding leaves open, exact arithmetic decides
        return replace(verdict, passed=held, method="computed in torch, and in exact arithmetic", strength="proved")
    first = claim.sides[0]
    verdict = compare(claim.sides[1:], claim.world, seed, lambda b: values_at(first, b), (first,), exact_first=first)
    if verdict.passed and exactly_equal(claim.sides):
        return replace(verdict, method=f"{verdict.method}; and exactly by SymPy", strength="proved")
    return verdict


SMALL = 60  # nodes up to which an identity is also tried exactly


def exactly_equal(sides: tuple[Any, ...]) -> bool:
    """Whether SymPy proves the sides equal as rational functions of whatever occurs in them; False is no refutation."""
    if any(
        is_array(side) or not isinstance(side, Expr) or count_ops(side) > SMALL or side.has(Sum, Numeral, MatrixExpr)
        for side in sides
    ):
        return False
    first, *rest = map(plain, sides)
    return all(together(first - side).as_numer_denom()[0].expand() == 0 for side in rest)  # no greatest common divisors


@check.register
def check_gradient(claim: IsGradient, seed: int = 0) -> Verdict:
    """The forward quantity differentiated by torch.autograd, against every side."""
    derivative = gradient_symbol(claim.of, claim.wrt)

    def on_switch(batch: Batch, side: Any, point: int) -> str:
        return against_quotients(claim.of, claim.wrt, side, batch, point)

    verdict = compare(claim.sides, claim.world, seed, lambda b: values_at(derivative, b), (derivative,), on_switch)
    return replace(verdict, method=f"torch.autograd; {verdict.method}")


SIZED = 3  # points at which sizes are read off: a free size may happen to be that of another axis at one of them


@check.register
def check_shape(claim: HasShape, seed: int = 0) -> Verdict:
    """The sizes of the tensor that torch made, to the unit; 0-d tensors count as 1 x 1."""
    count, method = 0, ""
    for bindings in points(claim.world, claim.shape, seed, SIZED):
        count, method = count + 1, f"size read off; {bindings.method}"
        values = [float(evaluate(size, bindings)) for size in claim.shape]
        sizes = tuple(int(value) if value.is_integer() else value for value in values)
        found = tuple(bindings.value(claim.of).shape) or (1, 1)
        if sizes != found:
            return Verdict(False, method, count, 0.0, f"{sizes} here and {found} by torch")
    return Verdict(True, method, count, 0.0)


@check.register
def check_count(claim: HasCount, seed: int = 0) -> Verdict:
    """The count that torch made, against every side; where sides are numbers, to the unit, however large they are."""
    verdict = compare(claim.sides, claim.world, seed, lambda b: b.at_points(claim.of), (claim.of,))
    numbers = [number for number in map(plain, claim.sides) if isinstance(number, Rational)]
    if not verdict.passed or not numbers:
        return verdict
    found = int(next(points(claim.world, claim.sides, seed)).value(claim.of))
    wrong = [number for number in numbers if number != found]
    return replace(verdict, passed=False, detail=f"{wrong[0]} here and {found} by torch") if wrong else verdict


@check.register
def check_mean(claim: HasMean, seed: int = 0) -> Verdict:
    """The expectation that torch found: exactly, or within five standard errors where it was sampled."""
    mean = Expectation(claim.of)
    worst, count, method = 0.0, 0, ""
    for bindings in points(claim.world, claim.sides, seed):
        count, method = count + 1, bindings.method
        observed, error = bindings.value(mean), bindings.standard_errors.get(mean)
        for side in claim.sides:
            value = evaluate(side, bindings)
            gap = float((value - observed).abs().max() - slack(side).max())
            allowed = EXACT * float(observed.abs().max()) if error is None else DEVIATIONS * error
            if not gap <= allowed:
                return Verdict(False, method, count, gap, difference(value.reshape(1), observed.reshape(1), seed))
            worst = max(worst, gap)
    return Verdict(True, method, count, worst)


def _apart(claim: Claim, seed: int) -> bool:
    """Whether balls tell two sides of an equality apart that float64 cannot, where every number is given."""
    if not isinstance(claim, Equal) or not isinstance(claim.world, Formulas):
        return False
    batch = next(batches(claim.world, claim.sides, seed))
    one, *others = claim.sides
    return not batch.names and batch.exact is not None and any(sides_meet(one, o, batch, 0) is False for o in others)


@check.register
def check_refuted(claim: Refuted, seed: int = 0) -> Verdict:
    """The disputed claim must fail, and what is said to hold instead must not."""
    disputed = check(claim.claim, seed)
    if disputed.passed and _apart(claim.claim, seed):
        return Verdict(
            True, "refuted: the sides lie apart, by ball arithmetic", disputed.points, 0.0, strength="proved"
        )
    if disputed.passed:
        return Verdict(
            False, disputed.method, disputed.points, disputed.max_error, "what was disputed is in fact right"
        )
    right = check(claim.right, seed) if claim.right is not None else disputed
    passed = right.passed or claim.right is None
    return Verdict(
        passed, f"refuted: {disputed.detail}; {right.method}", right.points, 0.0, "" if passed else right.detail
    )


def kinds() -> tuple[type[Claim], ...]:
    """Every kind of claim that has a checker."""
    return tuple(kind for kind in check.registry if isinstance(kind, type) and issubclass(kind, Claim) and fields(kind))


__all__ = ["IsMinimum", "check", "compare", "difference", "kinds", "points"]
