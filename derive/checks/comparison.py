"""Two values beside each other at many points: where they differ by more than float64 makes of such terms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from sympy import Expr, MatrixExpr, Tuple

from derive.algebra import arrays
from derive.algebra.nodes import Gradient, Partial, Prime, Rounded, Slot, is_array
from derive.checks import balls
from derive.checks.batches import Batch, batches
from derive.checks.bindings import Bindings, together
from derive.checks.evaluate import values_at
from derive.checks.rounding import SAFETY, UNIT, rounding_error
from derive.derivation import World
from derive.errors import Bug
from derive.report import Verdict

LOOSE, TIGHT = 1e-9, 1e-12  # relative: at random points; where everything is given
ENOUGH = 4  # points at which both sides are decided, of free formulas, for each choice of sizes
TINY = 1e-290  # below, float64 keeps fewer digits
TINY_BALL = 1e-25
MOST = 0.5  # of the points at which both sides have values must be decided
KINKS = 4  # points of a batch that lie on a switch at which derivatives are looked at
BALLS = 4  # points of a batch at which balls decide
Values = Callable[[Bindings], torch.Tensor]


@dataclass
class Tally:
    """What was found over the points so far."""

    points: int = 0
    defined: int = 0
    decided: int = 0
    worst: float = 0.0
    method: str = ""
    undecided: str = ""
    given: bool = False  # whether nothing is random


def compare(
    sides: tuple[Any, ...],
    world: World,
    seed: int,
    first: Values,
    also: tuple[Any, ...] = (),
    check_on_switch: Callable[[Batch, Any, int], str] | None = None,
    exact_first: Any = None,
) -> Verdict:
    """Every side against what `first` observes, at all points; the method is the world's.

    Two values are the same when they differ by no more than float64 makes of such terms (rounding.py). A point where a side is
    undefined, or which rounding cannot decide, says nothing; there must be enough others. Where derivatives are compared,
    a point on a kink is left to `check_on_switch`, which says what is wrong there, if anything. `exact_first` is an expression for
    what is observed, where there is one that ball arithmetic can evaluate.
    """
    tally = Tally()
    functions = differentiated((*sides, *also))
    for batch in enough(world, (*sides, *also), seed, tally):
        tally.method = batch.bindings.method
        usable = batch.usable & ~batch.on_switch if functions else batch.usable
        usable = usable & where_defined(functions, batch.bindings) if batch.names else usable
        defined = usable
        for side in sides:
            found = _Comparison(batch, usable, first, side, TIGHT if tally.given else LOOSE, exact_first)
            if found.wrong is not None:
                detail = found.difference(found.wrong, seed)
                return Verdict(False, tally.method, tally.points + batch.count, found.gap(found.wrong), detail)
            tally.worst = max(tally.worst, found.worst)
            defined = defined & found.defined
            usable = usable & found.decided
            tally.undecided = tally.undecided or found.why(functions)
        for point in (batch.on_switch & batch.usable).nonzero()[:KINKS, 0].tolist():
            for side in sides if check_on_switch is not None else ():
                if detail := check_on_switch(batch, side, point):  # type: ignore[misc]
                    return Verdict(
                        False, tally.method, tally.points + batch.count, float("inf"), f"{detail} (seed {seed})"
                    )
        tally.points += int(usable.sum())
        tally.decided, tally.defined = tally.decided + int(usable.sum()), tally.defined + int(defined.sum())
    if tally.decided < MOST * tally.defined or not tally.decided:
        return Verdict(False, tally.method, tally.points, float("inf"), f"{tally.undecided} (seed {seed})", "tried")
    return Verdict(True, tally.method, tally.points, tally.worst, strength="observed" if tally.given else "sampled")


def enough(world: World, exprs: tuple[Any, ...], seed: int, tally: Tally) -> Iterator[Batch]:
    """The batches of a claim; for other sizes only as many as it takes to have decided enough points twice."""
    good, before = 0, 0

    def satisfied(batch: Batch) -> bool:
        nonlocal good, before
        good += tally.decided - before >= min(ENOUGH, batch.count)
        before = tally.decided
        return good > bool(batch.others)

    for k, batch in enumerate(batches(world, exprs, seed, satisfied)):
        tally.given = k == 0 and batch.count == 1
        yield batch


def differentiated(exprs: tuple[Any, ...]) -> tuple[Any, ...]:
    """What is differentiated inside of the expressions."""
    found = (node.args[0] for expr in exprs for node in nodes_of(expr) if isinstance(node, DERIVATIVES))
    return tuple(dict.fromkeys(of for of in found if isinstance(of, Expr | MatrixExpr)))


def where_defined(exprs: tuple[Any, ...], bindings: Bindings) -> torch.Tensor:
    """At which points all of the expressions have values: nothing has a derivative elsewhere, whatever autograd says."""
    defined = torch.ones(bindings.count, dtype=torch.bool)
    for expr in exprs:
        defined = defined & torch.isfinite(values_at(expr, bindings)).flatten(1).all(1)
    return defined


def nodes_of(expr: Any) -> Iterator[Any]:
    """The expression and everything inside it."""
    yield expr
    for part in expr if isinstance(expr, tuple | list) else getattr(expr, "args", ()):
        yield from nodes_of(part)


DERIVATIVES = (Gradient, Partial, Prime, arrays.Jacobian, arrays.Hessian, arrays.Change, arrays.ScalarChange)


class _Comparison:
    """One side beside what was observed, at all points of a batch: which points are decided, which is wrong, if any."""

    def __init__(
        self, batch: Batch, usable: torch.Tensor, first: Values, side: Any, relative: float, exact_first: Any = None
    ):
        self.batch, self.first, self.side, self.exact_first = batch, first, side, exact_first
        self.observed, self.value = first(batch.bindings).detach(), values_at(side, batch.bindings).detach()
        self.wrong: int | None = None
        self.worst = 0.0
        count = batch.count
        self.fits = self.observed.shape[1:] == self.value.shape[1:]
        if not self.fits:
            self.decided = self.defined = usable
            self.wrong = 0 if bool(usable.any()) else None
            return
        shape = (count, *self.observed.shape[1:])
        self.observed, self.value = self.observed.expand(shape), self.value.expand(shape)
        same = torch.isinf(self.observed) & (self.observed == self.value)
        defined = (torch.isfinite(self.observed) & torch.isfinite(self.value)) | same
        if batch.others is None and not batch.names:  # nothing was drawn by where formulas are defined
            lacks = usable & (torch.isfinite(self.observed) != torch.isfinite(self.value)).flatten(1).any(1)
            self.wrong = int(lacks.nonzero()[0, 0]) if bool(lacks.any()) else None
        gaps = torch.where(same, 0.0, (self.observed - self.value).abs())
        gaps = (gaps - slack(side).reshape(-1, *shape[1:] if slack(side).numel() > 1 else (1, 1))).clamp(min=0)
        scale = torch.maximum(self.observed.abs(), self.value.abs())
        scale = torch.where(same, 1.0, scale)
        self.defined = usable & defined.flatten(1).all(1)
        self.decided = self.defined.clone()
        far = (gaps > relative * scale + TINY) & self.decided.reshape(-1, 1, 1)
        near = torch.where(far | ~defined | (scale == 0), 0.0, gaps / torch.where(scale == 0, 1.0, scale))
        self.worst = float(near[self.decided].max()) if bool(self.decided.any()) else 0.0
        if self.wrong is None and bool(far.any()):
            self._judge(gaps, far)
        if self.wrong is None and int(self.decided.sum()) < ENOUGH:
            self._look_closer(usable & ~self.decided)

    def _judge(self, gaps: torch.Tensor, far: torch.Tensor) -> None:
        """Where the sides differ by more than they round when nothing cancels: by balls, or else against the rounding that
        there is."""
        points = far.flatten(1).any(1).nonzero()[:, 0].tolist()
        if self.exact_first is not None and self.batch.exact is not None:
            decisions = {point: self._by_balls(point) for point in points[:BALLS]}
            if None not in decisions.values():
                self._decide({point: bool(same) for point, same in decisions.items()}, points)
                return
        self._by_rounding(gaps, far)

    def _decide(self, decisions: dict[int, bool], points: list[int]) -> None:
        """The points that balls have decided; those that nobody looked at say nothing."""
        wrong = [point for point, same in decisions.items() if not same]
        self.wrong = wrong[0] if wrong else None
        for point in points:
            self.decided[point] &= point in decisions
            self.defined[point] &= point in decisions

    def _look_closer(self, points: torch.Tensor) -> None:
        """Where float64 overflows, or loses everything to rounding, balls may still tell."""
        for point in points.nonzero()[:BALLS, 0].tolist() if self.batch.exact and self.exact_first is not None else ():
            same = self._by_balls(point)
            self.wrong = point if same is False else self.wrong
            self.decided[point] |= same is True

    def _by_balls(self, point: int) -> bool | None:
        """Whether the balls of both sides meet; None where they are too wide to tell, or where there are none."""
        return sides_meet(self.exact_first, self.side, self.batch, point)

    def _refuted_at(self, gaps: torch.Tensor, far: torch.Tensor) -> int | None:
        """The point of the largest relative gap, where that alone refutes: runs are dear, and one point is enough."""
        if self.batch.alone is None:
            return None
        size = torch.maximum(self.observed.abs(), self.value.abs()).clamp(min=TINY)
        point = int(torch.where(far, gaps / size, 0.0).flatten(1).amax(1).argmax())
        both = torch.stack([self.observed[[point]], self.value[[point]]], 1)
        alone = self.batch.alone
        try:
            bound = rounding_error(lambda copies: self._pair(alone(point, copies)), both).sum(1)
        except torch.linalg.LinAlgError:
            return None
        return point if bool((far[point] & (gaps[point] > bound[0])).any()) else None

    def _by_rounding(self, gaps: torch.Tensor, far: torch.Tensor) -> None:
        self.wrong = self._refuted_at(gaps, far)
        if self.wrong is not None:
            return
        try:
            both = torch.stack([self.observed, self.value], 1)
            bound = rounding_error(lambda copies: self._pair(self.batch.again(copies=copies)), both)
        except torch.linalg.LinAlgError:  # a decomposition that does not exist so near
            bound = torch.full((1, 2, 1, 1), float("inf"), dtype=torch.float64)
        bound = bound.sum(1)
        undecided = (far & ~torch.isfinite(bound)).flatten(1).any(1)
        refuted = (far & (gaps > bound)).flatten(1).any(1)
        self.decided = self.decided & (~undecided | refuted)
        if bool(refuted.any()):
            self.wrong = int(refuted.nonzero()[0, 0])
            return
        share = torch.where(far & torch.isfinite(bound), gaps / bound.clamp(min=TINY), 0.0)
        self.worst = max(self.worst, float(share.max()) * SAFETY * UNIT)

    def _pair(self, bindings: Bindings) -> torch.Tensor:
        both = together(self.first(bindings), values_at(self.side, bindings))
        return torch.stack([value.expand(len(value), *self.value.shape[1:]) for value in both], 1)

    def gap(self, point: int) -> float:
        if not self.fits:
            return float("inf")
        return float((self.observed[point] - self.value[point]).abs().max())

    def difference(self, point: int, seed: int) -> str:
        """Both values at a point, and the point."""
        observed = self.observed[point if self.fits else 0]
        value = self.value[point if self.fits else 0]
        return difference(value, observed, seed, self.batch.place(point))

    def why(self, functions: tuple[Any, ...]) -> str:
        """What is the matter at a point that is not decided."""
        if bool(self.decided.all()):
            return ""
        point = int((~self.decided).nonzero()[0, 0])
        for expr in (self.exact_first, self.side, *functions):
            part = None if expr is None else undefined_part(expr, self.batch.bindings, point)
            if part is not None:
                return f"{part} has no value at {self.batch.place(point)}"
        return f"it cannot be decided in float64 at {self.batch.place(point)}"


WIDE = 1e-9  # relative: balls of both sides that meet, and are no wider, hold equal values as far as anybody can tell


def sides_meet(left: Any, right: Any, batch: Batch, point: int) -> bool | None:
    """Whether two expressions agree at a point as far as balls tell: False is a proof that they do not; None where there is no
    ball, or one so wide that it tells nothing."""
    assert batch.exact is not None
    place = batch.exact(point)
    try:
        one, other = balls.ball(left, place), balls.ball(right, place)
    except (balls.NoBall, ZeroDivisionError, ValueError, OverflowError):
        return None
    if not balls.meet(one, other):
        return False
    widths = [(entry.rad(), abs(entry.mid())) for value in (one, other) for entry in balls.entries(value)]
    finite = balls.is_finite(one) and balls.is_finite(other)
    return True if finite and all(rad <= WIDE * mid or rad < TINY_BALL for rad, mid in widths) else None


def undefined_part(expr: Any, bindings: Bindings, point: int) -> Any:
    """The innermost part of an expression that has no value at a point; None where it has one."""
    for part in expr if isinstance(expr, tuple | list) else getattr(expr, "args", ()):
        if isinstance(part, Expr | MatrixExpr) and not part.has(Slot):
            found = undefined_part(part, bindings, point)
            if found is not None:
                return found
    try:
        value = values_at(expr, bindings)
    except Bug:
        return None
    return None if bool(torch.isfinite(value[point % len(value)]).all()) else expr


def slack(side: Any) -> torch.Tensor:
    """Half a unit of the last digit, entry by entry, where a side is known by its rounded digits only; else 0."""
    if isinstance(side, Tuple | tuple | list):
        return torch.stack([slack(entry).max() for entry in side])
    if hasattr(side, "tolist") and is_array(side):
        return torch.stack([torch.stack([slack(entry) for entry in row]) for row in side.tolist()])
    return torch.tensor(0.5 * 10.0**-side.places if isinstance(side, Rounded) else 0.0, dtype=torch.float64)


def difference(value: torch.Tensor, observed: torch.Tensor, seed: int, place: str = "") -> str:
    """Both values of one point, and the first entry in which they differ most."""
    where = f" at {place}" if place else ""
    if value.shape != observed.shape:
        return f"it is {tuple(value.shape)} in size here and {tuple(observed.shape)} by torch{where} (seed {seed})"
    gap = torch.nan_to_num((value - observed).abs(), nan=float("inf"))
    entry = tuple(int(k) for k in torch.unravel_index(gap.argmax(), gap.shape))
    shown = ", ".join(str(k + 1) for k in entry)
    which = "" if value.numel() == 1 else f"entry ({shown}) is "
    return f"{which}{value[entry].item():.12g} here and {observed[entry].item():.12g} by torch{where} (seed {seed})"
