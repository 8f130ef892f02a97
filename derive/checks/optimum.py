"""The checkers of minima, maxima and stationary points: no gradient there at the scale of its terms, no direction downwards,
and nothing better near or far, on rays, at the edges of the domain, or by L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from sympy import Pow, Rational

from derive.algebra.arrays import Norm
from derive.algebra.nodes import Map, Slot, Total
from derive.checks.bindings import Bindings
from derive.checks.charts import Chart, at_values, chart_of, kinds_of, null_space_chart
from derive.checks.evaluate import evaluate
from derive.checks.points import free_symbols, generator, interval
from derive.checks.referee import check, points
from derive.derivation import PROOFS, IsMinimum, IsPositiveDefinite, IsSaddle, IsStationary
from derive.errors import Bug
from derive.report import Verdict
from derive.worlds import Formulas

Tensor = torch.Tensor
Function = Callable[[Tensor], Tensor]

POINTS = 3  # data sets, where there are data; each is tried at hundreds of points
NEWTON_STEPS = 30
FLAT, DOWN, WORSE = 1e-7, -1e-8, 1e-9  # relative: gradient, eigenvalues, values
NEAR = (1e-4, 1e-3)
RADII = (1e-3, 1e-2, 0.1, 0.4, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1e3, 1e4, 1e6)
RANDOM = 12  # random directions, beside those of the coordinates
STARTS = (-3.0, 1.0)  # where L-BFGS starts, in units of the point's size


@dataclass(frozen=True)
class Setting:
    """One data set: the objective (turned, for a maximum) in free coordinates around the point."""

    chart: Chart
    objective: Function
    random: torch.Generator
    is_first: bool = True

    @property
    def at(self) -> Tensor:
        return self.chart.origin

    @property
    def size(self) -> float:
        return 1.0 + float(self.at.abs().max()) if self.at.numel() else 1.0

    def moved(self, step: Tensor) -> Tensor:
        """The point after a step, inside of the chart's reach."""
        return torch.clamp(self.at + step, -self.chart.reach - self.at.abs(), self.chart.reach + self.at.abs())

    def values(self, thetas: Tensor) -> Tensor:
        """The objective at many places at once; what is no number there is left out as infinite."""
        try:
            found = torch.func.vmap(self.objective)(thetas)
        except (RuntimeError, NotImplementedError):
            found = torch.stack([self._value(theta) for theta in thetas])
        return torch.nan_to_num(found.detach(), nan=float("inf"), posinf=float("inf"), neginf=-float("inf"))

    def _value(self, theta: Tensor) -> Tensor:
        try:
            return self.objective(theta)
        except RuntimeError:  # a matrix without inverse, far out
            return torch.tensor(float("nan"), dtype=torch.float64)

    def directions(self) -> Tensor:
        """Unit vectors: the coordinates, both ways (some of them where there are many), and random ones."""
        dim = self.at.numel()
        axes = torch.eye(dim, dtype=torch.float64)[:8]
        random = torch.randn((RANDOM, dim), generator=self.random, dtype=torch.float64)
        random = random / random.norm(dim=1, keepdim=True).clamp(min=1e-12)
        diagonal = torch.ones((1, dim), dtype=torch.float64) / max(dim, 1) ** 0.5
        return torch.cat([axes, -axes, random, diagonal, -diagonal])

    def rays(self, radii: tuple[float, ...]) -> Tensor:
        """Places on rays from the point, out to where the chart ends."""
        steps = torch.cat([radius * self.size * self.directions() for radius in radii])
        return torch.stack([self.moved(step) for step in steps])

    def reach_steps(self) -> list[Tensor]:
        """Steps of growing length in the one coordinate there is."""
        one = torch.ones_like(self.at)
        return [radius * self.size * one for radius in (*RADII[:4], *[0.5 * k for k in range(1, 40)])]

    def segments(self) -> tuple[Tensor, Tensor]:
        """The ends of short and long segments, around the point and elsewhere."""
        centres = self.rays((0.0, 0.3, 1.0, 3.0))
        steps = torch.cat([length * self.size * self.directions() for length in (0.1, 0.1, 0.3, 2.0)])
        return torch.stack([self.moved(c - self.at + s) for c, s in zip(centres, steps, strict=True)]), torch.stack(
            [self.moved(c - self.at - s) for c, s in zip(centres, steps, strict=True)]
        )

    def derivatives(self) -> tuple[Function, Function]:
        """Gradients and Hessians at many places at once."""
        from torch.func import grad, hessian, vmap

        gradient, second = vmap(grad(self.objective)), vmap(hessian(self.objective))
        try:
            second(self.at.unsqueeze(0))
        except (RuntimeError, NotImplementedError):
            return self._one_by_one(self.gradient), self._one_by_one(self._hessian)
        return gradient, second

    def _one_by_one(self, function: Function) -> Function:
        return lambda thetas: torch.stack([function(theta) for theta in thetas])

    def _hessian(self, theta: Tensor) -> Tensor:
        return torch.autograd.functional.hessian(self.objective, theta).detach()

    def starts(self) -> Tensor:
        """Where Newton's method starts: near and far, and close together where there are few coordinates."""
        close = tuple(0.1 * k for k in range(1, 40)) if self.at.numel() <= 2 else (0.3, 1.0, 3.0)
        return self.rays((*close, 10.0, 30.0))

    def gradient(self, theta: Tensor) -> Tensor:
        theta = theta.detach().clone().requires_grad_()
        (found,) = torch.autograd.grad(self.objective(theta), theta, allow_unused=True)
        return torch.zeros_like(theta) if found is None else found.detach()

    def slope(self) -> float:
        """The gradient at the point, relative to what it is around the point."""
        around = [
            self.gradient(self.moved(radius * self.size * d)) for radius in (0.1, 0.5) for d in self.directions()[-6:]
        ]
        sizes = [float(g.abs().max()) for g in around if torch.isfinite(g).all()]
        here = float(self.gradient(self.at).abs().max())
        scale = sorted(sizes)[len(sizes) // 2] if sizes else 0.0
        return here / scale if scale > 0 else (0.0 if here == 0 else float("inf"))

    def hessian(self) -> Tensor:
        return self._hessian(self.at)

    def lowest_curvature(self) -> float:
        """The least eigenvalue of the Hessian, relative to the largest in size."""
        eigenvalues = torch.linalg.eigvalsh(self.hessian())
        scale = float(eigenvalues.abs().max())
        return float(eigenvalues.min()) / scale if scale > 0 else 0.0

    def best_by_search(self) -> float:
        """The lowest value that L-BFGS finds from a few starts, near and far."""
        lowest = float("inf")
        for k, start in enumerate(STARTS):
            step = start * self.size * self.directions()[-4 + k % 2]
            theta = self.moved(step)
            if not torch.isfinite(self.objective(theta)):
                theta = self.moved(0.01 * step)
            lowest = min(lowest, _descended(self.objective, theta, self.at))
        return lowest


def _descended(objective: Function, start: Tensor, at: Tensor) -> float:
    theta = start.detach().clone().requires_grad_()
    search = torch.optim.LBFGS([theta], max_iter=40, line_search_fn="strong_wolfe", tolerance_grad=1e-12)

    def closure() -> Tensor:
        search.zero_grad()
        value = objective(theta)
        if not torch.isfinite(value):  # outside of the objective's domain: high, and rising on the way out
            value = 1e6 * (1 + ((theta - at) ** 2).sum())
        value.backward()
        return value

    try:
        search.step(closure)
    except (RuntimeError, IndexError):  # the search left the numbers
        return float("inf")
    found = float(objective(theta.detach()))
    return found if found == found else float("inf")


def settings(claim: Any, point: Any, seed: int, sign: int = 1) -> Any:
    """The objective around the point, for a few data sets; words instead of a setting where the point is unfit."""
    if not isinstance(claim.world, Formulas):
        raise Bug("a minimum is claimed of formulas")
    claim = smooth(claim)
    symbols = [symbol for symbol, _ in point]
    count = POINTS if has_data(claim.world, claim.objective, symbols) else 1
    constraints = getattr(claim, "constraints", ())
    for k, bindings in enumerate(
        islice(points(claim.world, [*symbols, *[v for _, v in point], claim.objective], seed), count)
    ):
        values = [shaped(symbol, evaluate(value, bindings), bindings) for symbol, value in point]
        if not all(torch.isfinite(value).all() for value in values):
            yield f"the point is {[value.tolist() for value in values]} (seed {seed})"
            continue

        def constraint(moved: list[Tensor], known: Bindings = bindings) -> Tensor:
            return torch.cat([at_values(claim.world, symbols, moved, known, c).reshape(-1) for c in constraints])

        chart = null_space_chart(constraint, values) if constraints else chart_of(claim.world, symbols, values)
        if isinstance(chart, str):
            yield f"{chart} (seed {seed})"
            continue

        def objective(theta: Tensor, known: Bindings = bindings, chart: Chart = chart) -> Tensor:
            return sign * at_values(claim.world, symbols, chart.values(theta), known, claim.objective).reshape(())

        yield Setting(chart, objective, generator(seed, 1000 + k), is_first=k == 0)


def smooth(claim: Any) -> Any:
    """|x|^2 as a sum of squares, which torch can differentiate at 0 too."""

    def rewritten(expr: Any) -> Any:
        return expr.replace(
            lambda e: isinstance(e, Pow) and isinstance(e.base, Norm) and e.exp == 2,
            lambda e: Total(Map(Slot(0) ** 2, e.base.array)),
        )

    definitions = tuple((symbol, rewritten(meaning)) for symbol, meaning in claim.world.definitions)
    return replace(claim, objective=rewritten(claim.objective), world=replace(claim.world, definitions=definitions))


def has_data(world: Formulas, objective: Any, unknowns: list[Any]) -> bool:
    """Whether anything but the unknowns is free in the objective."""
    defined = {symbol for symbol, _ in world.definitions}
    return bool(
        set(free_symbols([objective, *[meaning for _, meaning in world.definitions]])) - defined - set(unknowns)
    )


def shaped(symbol: Any, value: Tensor, bindings: Bindings) -> Tensor:
    """A number given for an array fills it, as zero does."""
    shape = evaluate_shape(symbol, bindings)
    return value.detach().expand(shape).clone() if shape and value.numel() == 1 else value.detach().clone()


def evaluate_shape(symbol: Any, bindings: Bindings) -> tuple[int, ...]:
    return tuple(round(float(evaluate(size, bindings))) for size in getattr(symbol, "shape", ()))


@check.register
def check_minimum(claim: IsMinimum, seed: int = 0) -> Verdict:
    """At a few data sets: the gradient is zero, the curvature not negative, and neither rays out to the edges of the domain
    nor L-BFGS find anything lower; where convexity is the proof, it is tried on segments as well."""
    method = "gradient and curvature by torch.autograd; values on rays and by torch.optim.LBFGS"
    if claim.proof and claim.proof not in PROOFS:
        raise Bug(f"no proof is called '{claim.proof}'")
    worst, count = 0.0, 0
    for count, found in enumerate(settings(claim, claim.point, seed, -1 if claim.is_maximum else 1), 1):
        if isinstance(found, str):
            return Verdict(False, method, count, float("inf"), found)
        slope, fault = found.slope(), _fault(found, claim, seed)
        worst = max(worst, slope if slope == slope else float("inf"))
        if fault:
            return Verdict(False, method, count, worst, fault)
    return Verdict(True, method, count, worst, strength="sampled" if claim.proof else "tried")


def _fault(here: Setting, claim: IsMinimum, seed: int) -> str:
    """What refutes the minimum, in words; '' where nothing does."""
    slope = here.slope()
    if not slope <= FLAT:  # so that what is no number is refused as well
        return f"the gradient is {here.gradient(here.at).tolist()} there and not zero (seed {seed})"
    lowest = here.lowest_curvature()
    if not lowest >= DOWN:
        return f"the Hessian has an eigenvalue of {lowest:.3g} times its largest there (seed {seed})"
    value = float(here.objective(here.at))
    thetas = here.rays(NEAR if claim.is_local else RADII)
    values = here.values(thetas)
    scale = spread(values, value)
    best = float(values.min())
    if not claim.is_local and here.is_first:
        best = min(best, here.best_by_search())
    if not value <= best + WORSE * (abs(best) + scale if best > -float("inf") else 0.0):
        turned = -1 if claim.is_maximum else 1
        return f"{turned * value:.12g} there, but {turned * best:.12g} elsewhere (seed {seed})"
    if claim.proof == "monotone":
        return _not_monotone(here, seed)
    return _not_convex(here, seed) if claim.proof == "convex" and not claim.is_local else ""


def _not_monotone(here: Setting, seed: int) -> str:
    """A place further out at which the objective is lower, in words."""
    steps = here.reach_steps()
    for side in (1, -1):
        values = here.values(torch.stack([here.moved(side * step) for step in steps]))
        values = values[torch.isfinite(values)]
        falls = values[:-1] - values[1:] - 1e-9 * (values[:-1].abs() + values[1:].abs())
        if falls.numel() and float(falls.max()) > 0:
            return f"further away it falls again, by {float(falls.max()):.3g} (seed {seed})"
    return ""


def spread(values: Tensor, value: float) -> float:
    """How much the objective varies around the point: its scale, whatever is added to it."""
    gaps = (values - value).abs()
    gaps = gaps[torch.isfinite(gaps)]
    return float(gaps.median()) if gaps.numel() else 0.0


def _not_convex(here: Setting, seed: int) -> str:
    """A segment in the middle of which the objective is above its chord, in words. Segments are straight in the unknowns
    themselves, whatever coordinates they are drawn in."""
    one, other = here.segments()
    ends = [[here.chart.values(theta) for theta in thetas] for thetas in (one, other)]
    middles = (one + other) / 2
    if here.chart.coordinates is not None:
        middles = torch.stack(
            [
                here.chart.coordinates([(a + b) / 2 for a, b in zip(left, right, strict=True)])
                for left, right in zip(*ends, strict=True)
            ]
        )
    values, across, between = here.values(one), here.values(other), here.values(middles)
    chord = (values + across) / 2
    scale = values.abs() + across.abs() + between.abs()
    above = (between - chord) - 1e-9 * scale
    above = above[torch.isfinite(above)]
    if above.numel() and float(above.max()) > 0:
        return f"not convex: between two points it is {float(above.max()):.3g} above its chord (seed {seed})"
    return ""


@check.register
def check_stationary(claim: IsStationary, seed: int = 0) -> Verdict:
    """The gradient vanishes at each point; where these are all, Newton's method from many starts finds no other."""
    method = "gradient by torch.autograd" + ("; Newton's method from many starts" if claim.are_all else "")
    worst, count = 0.0, 0
    for point in claim.points:
        for found in settings(claim, point, seed):
            count += 1
            if isinstance(found, str):
                return Verdict(False, method, count, float("inf"), found)
            slope = found.slope()
            worst = max(worst, slope)
            if not slope <= FLAT:
                gradient = found.gradient(found.at).tolist()
                return Verdict(
                    False, method, count, slope, f"the gradient is {gradient} there and not zero (seed {seed})"
                )
    if claim.are_all:
        other = _another(claim, seed)
        if other:
            return Verdict(False, method, count, worst, other)
    return Verdict(True, method, max(count, 1), worst)


def _another(claim: IsStationary, seed: int) -> str:
    """A stationary point that is not listed, in words. Whole lines of them are compared by their equations' residue."""
    start = tuple((symbol, _anywhere(claim.world, symbol)) for symbol in claim.over)
    for here in settings(claim, start, seed):
        if isinstance(here, str):
            return here
        for found in newton(here, here.starts()):
            if not any(_is_listed(claim, point, here, found, seed) for point in claim.points):
                where = [value.tolist() for value in here.chart.values(found)]
                return f"the gradient vanishes at {where} too (seed {seed})"
        break
    return ""


def _anywhere(world: Any, symbol: Any) -> Any:
    """A number in the symbol's domain."""
    ends = interval(kinds_of(world, [symbol])[0])
    if ends is None:
        return Rational(1, 2)
    low, high = map(Rational, ends) if ends[1] != float("inf") else (Rational(ends[0]), Rational(ends[0]) + 1)
    return (low + high) / 2


def newton(here: Setting, starts: Tensor) -> list[Tensor]:
    """Where Newton's method comes to rest, within the chart's reach, from many starts at once."""
    gradient, hessian = here.derivatives()
    thetas, scale = starts, torch.zeros(len(starts), dtype=torch.float64)
    for k in range(NEWTON_STEPS):
        g, h = gradient(thetas), hessian(thetas)
        finite = torch.isfinite(g).all(1) & torch.isfinite(h).flatten(1).all(1)
        thetas, g, h, scale = thetas[finite], g[finite], h[finite], scale[finite]
        if not len(thetas):
            return []
        scale = torch.maximum(scale, g.abs().amax(1)) if k < 2 else scale
        step = -torch.linalg.lstsq(h, g.unsqueeze(2), driver="gelsd").solution.squeeze(2)
        thetas = thetas + step
        inside = (thetas.abs() <= here.chart.reach).all(1) & (thetas.abs().amax(1) < 1e3)
        thetas, step, h, scale = thetas[inside], step[inside], h[inside], scale[inside]
        if not len(thetas):
            return []
    size = 1.0 + thetas.abs().amax(1)
    curvature = torch.linalg.eigvalsh(h).abs().amax(1)
    rests = (step.abs().amax(1) <= 1e-11 * size) & (gradient(thetas).abs().amax(1) <= 1e-9 * curvature)
    return list(thetas[rests & (curvature > 1e-6 * scale)])


def _is_listed(claim: IsStationary, point: Any, here: Setting, theta: Tensor, seed: int) -> bool:
    """Whether a place is one of the point's: its values, with the symbols that are free in them as they are there."""
    symbols = [symbol for symbol, _ in point]
    values = dict(zip(claim.over, here.chart.values(theta), strict=True))
    bindings = next(points(claim.world, [*symbols, *[v for _, v in point], claim.objective], seed))
    there = Bindings({**bindings.values, **{s: v if v.ndim == 2 else v.reshape(()) for s, v in values.items()}}, "")
    gaps = [
        float((evaluate(value, there) - values[symbol]).abs().max()) / (1e-5 + float(values[symbol].abs().max()) * 1e-5)
        for symbol, value in point
    ]
    return all(gap <= 1.0 for gap in gaps)


@check.register
def check_positive_definite(claim: IsPositiveDefinite, seed: int = 0) -> Verdict:
    """Symmetric, and all eigenvalues above zero, at many points."""
    worst, count, method = 0.0, 0, "eigenvalues in torch at random points"
    for count, bindings in enumerate(points(claim.world, [claim.matrix], seed), 1):
        matrix = evaluate(claim.matrix, bindings).detach()
        scale = float(matrix.abs().max())
        gap = float((matrix - matrix.T).abs().max()) / scale if scale else float("inf")
        lowest = float(torch.linalg.eigvalsh((matrix + matrix.T) / 2).min())
        worst = max(worst, gap)
        if not (gap <= 1e-10 and lowest > 1e-13 * scale):
            return Verdict(False, method, count, gap, f"the smallest eigenvalue is {lowest:.6g} (seed {seed})")
    return Verdict(True, method, count, worst)


@check.register
def check_saddle(claim: IsSaddle, seed: int = 0) -> Verdict:
    """The gradient vanishes, and there are larger and smaller values near by."""
    method = "gradient by torch.autograd; larger and smaller values near by"
    worst, count = 0.0, 0
    for count, here in enumerate(settings(claim, claim.point, seed), 1):
        if isinstance(here, str):
            return Verdict(False, method, count, float("inf"), here)
        slope = here.slope()
        worst = max(worst, slope)
        if not slope <= FLAT:
            gradient = here.gradient(here.at).tolist()
            return Verdict(False, method, count, slope, f"the gradient is {gradient} there and not zero (seed {seed})")
        value = float(here.objective(here.at))
        _, vectors = torch.linalg.eigh(here.hessian())
        steps = torch.cat([here.directions(), vectors.T, -vectors.T])
        gaps = torch.cat([here.values(here.at + r * here.size * steps) - value for r in (1e-3, 1e-2)])
        noise = 1e-12 * (abs(value) + float(gaps.abs().median()))
        if not (float(gaps.max()) > noise and float(gaps.min()) < -noise):
            return Verdict(
                False,
                method,
                count,
                worst,
                f"near by, it only changes from {float(gaps.min()):.3g} to {float(gaps.max()):.3g} (seed {seed})",
            )
    return Verdict(True, method, count, worst)
