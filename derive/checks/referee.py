"""The referee: `check` tries to refute a claim, one checker a kind of claim."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from functools import lru_cache, singledispatch
from typing import Any

import torch
from sympy import Basic, Expr, MatrixExpr, Rational, Sum, Tuple, cancel, count_ops, together

from derive.algebra.nodes import Expectation, Numeral, Rounded, gradient_symbol, is_array, plain
from derive.checks.bindings import Bindings, observe
from derive.checks.evaluate import evaluate
from derive.checks.points import draw, free_symbols, generator
from derive.derivation import Claim, Equal, HasCount, HasMean, HasShape, IsGradient, IsMinimum, Refuted, World
from derive.errors import Bug
from derive.report import Verdict
from derive.worlds import Formulas

POINTS = 16
LOOSE, TIGHT = 1e-9, 1e-12  # relative: at random points; where everything is given


@singledispatch
def check(claim: Claim, seed: int = 0) -> Verdict:
    """Tries to refute the claim in its world, at points that the seed fixes."""
    raise Bug(f"no checker for claims of kind {type(claim).__name__}")


def points(world: World, exprs: Iterable[Any], seed: int) -> Iterator[Bindings]:
    """The world at up to `POINTS` points, one where nothing in it is random; every free symbol of `exprs` is bound."""
    exprs = list(exprs)
    first: Bindings | None = None
    for k in range(POINTS):
        bindings = _bound(world, exprs, seed, k)
        if k == 1 and first is not None and _same(first, bindings):
            return
        first = first or bindings
        yield bindings


@lru_cache(maxsize=512)
def _observed(world: World, seed: int, point: int) -> Bindings:
    """The world at a point; many claims are made in one world, which is built once for all of them."""
    return observe(world, generator(seed, point))


def _bound(world: World, exprs: list[Any], seed: int, point: int) -> Bindings:
    random = generator(seed, point)
    if isinstance(world, Formulas):
        defined = {symbol for symbol, _ in world.definitions}
        known = {symbol for symbol, _ in world.domains} | defined
        names = {str(symbol) for symbol in defined}
        missing = [s for s in free_symbols(exprs) if s not in known and str(s) not in names]
        world = replace(world, domains=world.domains + tuple((symbol, "") for symbol in missing))
        return observe(world, random)
    known_world = _observed(world, seed, point)
    bindings = replace(known_world, values=dict(known_world.values))
    missing = [s for s in free_symbols(exprs) if s not in bindings.values and not _named(s, bindings)]
    bindings.values.update(draw(missing, {}, random))
    return bindings


def _named(symbol: Basic, bindings: Bindings) -> bool:
    return any(str(key) == str(symbol) for key in bindings.values)


def _same(one: Bindings, other: Bindings) -> bool:
    """Whether nothing that was observed differs. A quantity known by its expectation has no value of its own to compare."""
    averaged = {key.args[0] for key in one.values if isinstance(key, Expectation)}
    return one.values.keys() == other.values.keys() and all(
        one.values[key].shape == other.values[key].shape
        and (one.values[key].is_meta or torch.equal(one.values[key], other.values[key]))  # some have sizes alone
        for key in one.values.keys() - averaged
    )


def error_between(left: torch.Tensor, right: torch.Tensor) -> float:
    """The largest difference, relative to the size of the values where they exceed 1; infinite where shapes differ."""
    left, right = _alike(left, right)
    if left.shape != right.shape:
        return float("inf")
    if not (torch.isfinite(left).all() and torch.isfinite(right).all()):
        same = torch.equal(torch.nan_to_num(left, nan=0.5), torch.nan_to_num(right, nan=0.5))
        return 0.0 if same and not torch.isnan(left).any() else float("inf")
    scale = max(1.0, float(left.detach().abs().max()), float(right.detach().abs().max()))
    return float((left - right).detach().abs().max()) / scale


def _alike(left: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A 1 x 1 array and a scalar are one number."""
    if left.numel() == right.numel() == 1:
        return left.reshape(()), right.reshape(())
    return left, right


def slack(side: Any) -> torch.Tensor:
    """Half a unit of the last digit, entry by entry, where a side is known by its rounded digits only; else 0."""
    if isinstance(side, Tuple | tuple | list):
        return torch.stack([slack(entry).max() for entry in side])
    if hasattr(side, "tolist") and is_array(side):
        return torch.stack([torch.stack([slack(entry) for entry in row]) for row in side.tolist()])
    return torch.tensor(0.5 * 10.0**-side.places if isinstance(side, Rounded) else 0.0, dtype=torch.float64)


def distance(side: Any, observed: torch.Tensor, value: torch.Tensor) -> float:
    """How far a side is from what was observed, beyond the slack of its rounded digits."""
    allowed = slack(side)
    if not allowed.any():
        return error_between(observed, value)
    observed, value = _alike(observed, value)
    if observed.shape != value.shape:
        return float("inf")
    beyond = ((observed - value).abs() - allowed.reshape(observed.shape)).clamp(min=0)
    return float(torch.nan_to_num(beyond, nan=float("inf")).detach().max()) / max(
        1.0, float(observed.detach().abs().max())
    )


def compare(
    sides: tuple[Any, ...],
    world: World,
    seed: int,
    first: Callable[[Bindings], torch.Tensor],
    also: tuple[Any, ...] = (),
) -> Verdict:
    """Every side against what `first` observes, at all points; the method is the world's."""
    worst, count, method, deterministic = 0.0, 0, "", True
    for bindings in points(world, (*sides, *also), seed):
        count, method = count + 1, bindings.method
        deterministic = count == 1
        observed = first(bindings)
        for side in sides:
            value = evaluate(side, bindings)
            error = distance(side, observed, value)
            worst = max(worst, error)
            if worst > LOOSE:
                return Verdict(False, method, count, error, difference(side, value, observed, seed))
    if deterministic and worst > TIGHT:
        return Verdict(
            False, method, count, worst, difference(sides[-1], evaluate(sides[-1], bindings), observed, seed)
        )
    return Verdict(True, method, count, worst)


def difference(side: Any, value: torch.Tensor, observed: torch.Tensor, seed: int) -> str:
    """Both values, and the first entry in which they differ."""
    value, observed = _alike(value, observed)
    if value.shape != observed.shape:
        return f"it is {tuple(value.shape)} in size here and {tuple(observed.shape)} by torch (seed {seed})"
    if value.ndim == 0:
        return f"{value.item():.12g} here and {observed.item():.12g} by torch (seed {seed})"
    gap = torch.nan_to_num((value - observed).abs(), nan=float("inf"))
    place = tuple(int(k) for k in torch.unravel_index(gap.argmax(), gap.shape))
    shown = ", ".join(str(k + 1) for k in place)
    return (
        f"entry ({shown}) is {value[place].item():.12g} here and {observed[place].item():.12g} by torch (seed {seed})"
    )


@check.register
def check_equal(claim: Equal, seed: int = 0) -> Verdict:
    """All sides at the same points; sides that are rational numbers also exactly."""
    numbers = [plain(side) for side in claim.sides]
    if all(isinstance(n, Rational) for n in numbers) and not any(slack(side).any() for side in claim.sides):
        wrong = [n for n in numbers if n != numbers[0]]
        if wrong:
            return Verdict(False, "in exact arithmetic", 1, float("inf"), f"{numbers[0]} is not {wrong[0]}")
        verdict = compare(claim.sides[1:], Formulas(), seed, lambda b: evaluate(claim.sides[0], b), (claim.sides[0],))
        return replace(verdict, method="computed in torch, and in exact arithmetic")
    verdict = compare(claim.sides[1:], claim.world, seed, lambda b: evaluate(claim.sides[0], b), (claim.sides[0],))
    if verdict.passed and exactly_equal(claim.sides):
        return replace(verdict, method=f"{verdict.method}; and exactly by SymPy")
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
    return all(cancel(together(first - side)) == 0 for side in rest)


@check.register
def check_gradient(claim: IsGradient, seed: int = 0) -> Verdict:
    """The forward quantity differentiated by torch.autograd, against every side."""
    derivative = gradient_symbol(claim.of, claim.wrt)
    verdict = compare(claim.sides, claim.world, seed, lambda b: evaluate(derivative, b), (claim.of, claim.wrt))
    return replace(verdict, method=f"torch.autograd; {verdict.method}")


@check.register
def check_shape(claim: HasShape, seed: int = 0) -> Verdict:
    """The sizes of the tensor that torch made, to the unit; 0-d tensors count as 1 x 1."""
    bindings = next(points(claim.world, claim.shape, seed))
    values = [float(evaluate(size, bindings)) for size in claim.shape]
    sizes = tuple(int(value) if value.is_integer() else value for value in values)
    tensor = bindings.value(claim.of)
    found = tuple(tensor.shape) or (1, 1)
    detail = "" if sizes == found else f"{sizes} here and {found} by torch"
    return Verdict(sizes == found, f"size read off; {bindings.method}", 1, 0.0, detail)


@check.register
def check_count(claim: HasCount, seed: int = 0) -> Verdict:
    """The count that torch made, against every side; where sides are numbers, to the unit, however large they are."""
    verdict = compare(claim.sides, claim.world, seed, lambda b: b.value(claim.of), (claim.of,))
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
            gap = distance(side, observed, value)
            if gap > (TIGHT * 100 if error is None else 5 * error):
                return Verdict(False, method, count, gap, difference(side, value, observed, seed))
            worst = max(worst, gap)
    return Verdict(True, method, count, worst)


@check.register
def check_refuted(claim: Refuted, seed: int = 0) -> Verdict:
    """The disputed claim must fail, and what is said to hold instead must not."""
    disputed = check(claim.claim, seed)
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
