"""The points at which a claim is tried, many at once: of free formulas an adversary's choice, of other worlds several runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from sympy import Basic, IndexedBase
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra.nodes import Expectation
from derive.checks import balls
from derive.checks.bindings import Bindings, Joined, observe
from derive.checks.evaluate import truths, values_at
from derive.checks.formulas import completed, free
from derive.checks.points import (
    ADVERSARIAL,
    MODERATE,
    ONE,
    Plan,
    domain,
    draw,
    draw_many,
    free_symbols,
    generator,
    inside,
    movable,
    structural,
)
from derive.checks.rounding import coarseness, draws_of_their_own, has_stood
from derive.checks.switches import switches
from derive.derivation import World
from derive.worlds import Formulas

Tensor = torch.Tensor
POINTS = 8  # runs of a world that has anything random in it
ATTEMPTS = 8  # draws of the sizes, until there are enough points at which everything is defined
NEARBY = (0.0, 1e-7, -1e-7, 1e-2, -1e-2, 1.0, -1.0, 30.0, -30.0, 1e3, -1e3)  # places around a switch, at its own scale
STARTS, STEPS = 4, 12  # from how many points a switch is sought, in how many steps of Newton's method


@dataclass(frozen=True)
class Batch:
    """A number of points. `again` computes them anew from the same draws, in several `copies` one after another, or with some
    symbols `moved` to other values; `exact` is a point for ball arithmetic, where everything is drawn or defined.
    `usable` are the points at which the conditions hold, `on_switch` those that lie on a kink or a border. `others` says
    whether further draws are of other sizes (as they are of free formulas with symbolic ones), None where there are none."""

    bindings: Bindings
    again: Callable[..., Bindings]
    usable: Tensor
    on_switch: Tensor
    names: tuple[Basic, ...] = ()
    others: bool | None = None
    exact: Callable[[int], balls.Point] | None = None
    alone: Callable[[int, int], Bindings] | None = (
        None  # one point again, in copies, where each point is a run of its own
    )

    @property
    def count(self) -> int:
        return self.bindings.count

    def place(self, point: int) -> str:
        """The point in words: the numbers, and the sizes of the arrays."""
        return ", ".join(_shown(symbol, self.bindings.at_points(symbol), point) for symbol in self.names)


def _shown(symbol: Basic, values: Tensor, point: int) -> str:
    value = values[point % len(values)].detach()
    if value.numel() == 1:
        return f"{symbol} = {value.item():.9g}"
    return f"{symbol} of size {value.shape[0]} x {value.shape[1]}"


def missing(world: World, exprs: list[Any], known: Iterable[Basic]) -> tuple[Basic, ...]:
    """The free symbols of the expressions that nothing gives a value."""
    known = set(known)
    names = {str(symbol) for symbol in known}
    return tuple(s for s in free_symbols(exprs) if s not in known and str(s) not in names)


def batches(
    world: World, exprs: Iterable[Any], seed: int, satisfied: Callable[[Batch], bool] = lambda batch: not batch.others
) -> Iterator[Batch]:
    """The points for a claim about `exprs`, every free symbol bound. Of free formulas first points of all scales, for one choice
    of the symbolic sizes after another until the caller is `satisfied`, then those around each switch."""
    exprs = list(exprs)
    if isinstance(world, Formulas):
        yield from _of_formulas(world, exprs, seed, satisfied)
    else:
        yield from _of_runs(world, missing(world, exprs, _observed(world, seed, 0).values), structural(exprs), seed)


# free formulas


def with_missing(world: Formulas, exprs: list[Any]) -> Formulas:
    """The world in which every free symbol of the expressions, and of its own conditions, has a value."""
    known = {symbol for symbol, _ in world.domains} | {symbol for symbol, _ in world.definitions}
    names = {str(symbol) for symbol, _ in world.definitions}
    more = [s for s in free_symbols([*exprs, *world.conditions]) if s not in known and str(s) not in names]
    return replace(world, domains=world.domains + tuple((symbol, "") for symbol in more))


def _of_formulas(world: Formulas, exprs: list[Any], seed: int, satisfied: Callable[[Batch], bool]) -> Iterator[Batch]:
    world = with_missing(world, exprs)
    symbols, meanings = free(world), [meaning for _, meaning in world.definitions]
    if not symbols:
        yield _drawn(world, frozenset(), ONE, seed, 0)
        return
    fixed = structural([*exprs, *meanings, *world.conditions])
    kinks = switches([*exprs, *meanings])
    for attempt in range(ATTEMPTS):
        batch = _drawn(world, fixed, MODERATE if attempt else ADVERSARIAL, seed, attempt)
        yield _marked(batch, kinks)
        if satisfied(batch):
            break
    for switch in kinks:
        found = _around(world, fixed, switch, seed)
        if found is not None:
            yield _marked(found, kinks)


def _marked(batch: Batch, kinks: tuple[Any, ...]) -> Batch:
    """The batch that knows which of its points lie exactly on a switch, in some entry; what is zero at every point (the
    largest entry less itself) switches nothing."""
    on = batch.on_switch
    for kink in kinks:
        zero = (values_at(kink, batch.bindings) == 0).flatten(1).any(1)
        on = on if bool(zero.all()) else on | zero
    return replace(batch, on_switch=on)


@lru_cache(maxsize=64)
def _drawn(world: Formulas, fixed: frozenset[Basic], how: Plan, seed: int, attempt: int) -> Batch:
    symbols, domains = free(world), dict(world.domains)
    values = draw_many(symbols, domains, generator(seed, attempt), how, world.small, fixed, attempt)
    sizes = any(len(value) == 1 for value in values.values()) and len(how) > 1
    return replace(_batch(world, values, torch.zeros(len(how), dtype=torch.bool)), others=sizes)


def _batch(world: Formulas, values: dict[Basic, Tensor], on_switch: Tensor) -> Batch:
    def again(moved: dict[Basic, Tensor] | None = None, copies: int = 1) -> Bindings:
        return completed(world, {s: _copied(v, copies) for s, v in values.items()} if copies > 1 else values, moved)

    def exact(point: int) -> balls.Point:
        return balls.Point({s: _exact(s, v[point % len(v)].detach()) for s, v in values.items()}, world.definitions)

    bindings = again()
    usable = torch.ones(bindings.count, dtype=torch.bool)
    for symbol, value in values.items():
        usable &= inside(domain_of_symbol(world, symbol), value.detach())
    for condition in world.conditions:
        usable &= holds(condition, bindings)
    on_switch = on_switch if len(on_switch) == bindings.count else on_switch[:1].expand(bindings.count)
    return Batch(bindings, again, usable, on_switch, tuple(values), exact=exact)


def _copied(values: Tensor, copies: int) -> Tensor:
    """All points several times over; what is the same at all points stays one."""
    if len(values) == 1 and not values.requires_grad:
        return values
    return values.detach().repeat(copies, 1, 1).requires_grad_(values.requires_grad)


def _exact(symbol: Basic, value: Tensor) -> Any:
    if isinstance(symbol, MatrixSymbol | IndexedBase):
        return value.tolist()
    number = float(value)
    return int(number) if symbol.is_integer and number.is_integer() else number


def domain_of_symbol(world: Formulas, symbol: Basic) -> str:
    return domain(symbol, dict(world.domains))


def holds(condition: Any, bindings: Bindings) -> Tensor:
    """At which points a condition holds: a relation, or an array that has full column rank."""
    if hasattr(condition, "rel_op"):
        return truths(condition, bindings).expand(bindings.count)
    found = values_at(condition, bindings).detach()
    if found.shape[2] > found.shape[1]:
        return torch.zeros(bindings.count, dtype=torch.bool)
    sizes = torch.linalg.svdvals(torch.nan_to_num(found))
    return (sizes[:, -1] > 1e-10 * sizes[:, 0]).expand(bindings.count)


@lru_cache(maxsize=64)
def _around(world: Formulas, fixed: frozenset[Basic], switch: Any, seed: int) -> Batch | None:
    """Points on a switch, beside it and far from it on both sides: from a few points Newton's method along one coordinate (the
    scalars in turn; without any, all coordinates along the gradient) finds the switch, and the line goes on from there."""
    how = Plan((1.0,) * STARTS, (0.0,) * STARTS, (0.0,) * STARTS)
    values = draw_many(free(world), dict(world.domains), generator(seed, 1000), how, world.small, fixed)
    real = [s for s, value in values.items() if value.requires_grad and movable(domain_of_symbol(world, s))]
    found: list[dict[Basic, Tensor]] = []
    for group in _coordinates(real, values):
        line = _line(world, values, switch, group)
        if line is not None:
            found.append(line)
        if len(found) == 3:
            break
    if not found:
        return None
    points = STARTS * len(NEARBY)
    whole = {
        symbol: torch.cat([line.get(symbol, value.repeat_interleave(len(NEARBY), 0)) for line in found])
        if len(value) == STARTS else value
        for symbol, value in values.items()
    }  # fmt: skip
    leaves = {s: v.detach().requires_grad_(values[s].requires_grad) for s, v in whole.items()}
    on = (torch.arange(points * len(found)) % len(NEARBY)) == 0
    return _batch(world, leaves, on)


def _coordinates(real: list[Basic], values: dict[Basic, Tensor]) -> Iterator[list[Basic]]:
    scalar = [symbol for symbol in real if values[symbol].shape[1:] == (1, 1)]
    yield from ([symbol] for symbol in scalar)
    arrays = [symbol for symbol in real if symbol not in scalar]
    if arrays:
        yield arrays


def _line(world: Formulas, values: dict[Basic, Tensor], switch: Any, group: list[Basic]) -> dict[Basic, Tensor] | None:
    """The values of the group's symbols at all places along their lines; None where the switch does not depend on them."""
    at = {symbol: values[symbol].detach() for symbol in group}
    direction: dict[Basic, Tensor] = {}
    for _ in range(STEPS):
        leaves = {symbol: value.clone().requires_grad_() for symbol, value in at.items()}
        value = values_at(switch, completed(world, values, leaves)).flatten(1)[:, :1]
        if not value.requires_grad or len(value) != STARTS:
            return None
        slopes = torch.autograd.grad(value.sum(), list(leaves.values()), allow_unused=True)
        along = {s: torch.zeros_like(at[s]) if g is None else g for s, g in zip(group, slopes, strict=True)}
        square = torch.stack([(g * g).flatten(1).sum(1) for g in along.values()]).sum(0)
        step = torch.nan_to_num(torch.where(square > 0, value.detach()[:, 0] / square, 0.0), posinf=0.0, neginf=0.0)
        if not direction and not bool((square > 0).any()):
            return None
        if not direction:
            length = torch.where(square > 0, square, 1.0).sqrt().reshape(-1, 1, 1)
            direction = {s: torch.nan_to_num(g / length) for s, g in along.items()}
        at = {s: at[s] - step.reshape(-1, 1, 1) * torch.nan_to_num(along[s]) for s in group}
    scale = {s: value.abs().flatten(1).amax(1).clamp(min=1.0).reshape(-1, 1, 1) for s, value in at.items()}
    largest = torch.stack(list(scale.values())).amax(0)
    places = torch.tensor(NEARBY, dtype=torch.float64)
    return {
        s: (at[s].unsqueeze(1) + places.reshape(1, -1, 1, 1) * (largest * direction[s]).unsqueeze(1)).flatten(0, 1)
        for s in group
    }


# every other world


@lru_cache(maxsize=256)
def _observed(world: World, seed: int, point: int) -> Bindings:
    """The world at a point; many claims are made in one world, which is built once for all of them."""
    return observe(world, generator(seed, point))


@lru_cache(maxsize=128)
def _observed_again(world: World, seed: int, point: int, copy: int, size: float) -> tuple[Bindings, float]:
    """The world at a point in an arithmetic that rounds as coarsely as `size` says, and the largest number in it; for all claims
    of this world once as well."""
    with draws_of_their_own(1000 * point + copy) as mode:
        return observe(world, generator(seed, point)), mode.largest


@lru_cache(maxsize=64)
def _of_runs(world: World, more: tuple[Basic, ...], fixed: frozenset[Basic], seed: int) -> tuple[Batch, ...]:
    """Several runs, one where nothing is random; those whose values have the same sizes as one batch."""
    first = _run(world, more, seed, 0)
    if _same(first, _run(world, more, seed, 1)):
        return (_joined(world, more, [0], [first], seed),)
    groups: dict[Any, list[int]] = defaultdict(list)
    runs = [first, *[_run(world, more, seed, k) for k in range(1, POINTS)]]
    for k, run in enumerate(runs):
        groups[_form(run, fixed)].append(k)
    return tuple(_joined(world, more, places, [runs[k] for k in places], seed) for places in groups.values())


def _form(run: Bindings, fixed: frozenset[Basic]) -> Any:
    """What must agree for runs to be evaluated as one: the sizes of all values, and what is used as an index or a size."""
    sizes = tuple((str(key), tuple(value.shape)) for key, value in run.values.items())
    return sizes, tuple(
        float(run.values[s]) for s in sorted(fixed, key=str) if s in run.values and run.values[s].ndim == 0
    )


def _run(world: World, more: tuple[Basic, ...], seed: int, point: int, copy: int | None = None) -> Bindings:
    """The world at a point; of several copies of it each is rounded otherwise."""
    size = coarseness()
    if copy is None or size is None:
        known = _observed(world, seed, point)
    else:
        known, largest = _observed_again(world, seed, point, copy, size)
        has_stood(largest)
    if not more:
        return known
    return replace(known, values={**known.values, **draw(more, {}, generator(seed, point + 500))})


def _joined(world: World, more: tuple[Basic, ...], places: list[int], runs: list[Bindings], seed: int) -> Batch:
    def join(members: list[Bindings]) -> Bindings:
        one = members[0]
        errors = one.standard_errors
        return Joined(one.values, one.method, {}, one.samples, errors, {}, tuple(members))

    def again(moved: dict[Basic, Tensor] | None = None, copies: int = 1) -> Bindings:
        return join([_run(world, more, seed, k, copy) for copy in range(copies) for k in places])

    def alone(point: int, copies: int) -> Bindings:
        return join([_run(world, more, seed, places[point], copy) for copy in range(copies)])

    count = len(places)
    good, bad = torch.ones(count, dtype=torch.bool), torch.zeros(count, dtype=torch.bool)
    return Batch(join(runs), again, good, bad, alone=alone if count > 1 else None)


def _same(one: Bindings, other: Bindings) -> bool:
    """Whether nothing that was observed differs. A quantity known by its expectation has no value of its own to compare."""
    averaged = {key.args[0] for key in one.values if isinstance(key, Expectation)}
    return one.values.keys() == other.values.keys() and all(
        one.values[key].shape == other.values[key].shape
        and (one.values[key].is_meta or torch.equal(one.values[key], other.values[key]))  # some have sizes alone
        for key in one.values.keys() - averaged
    )


def points(world: World, exprs: Iterable[Any], seed: int, count: int = 8) -> Iterator[Bindings]:
    """The world at up to `count` moderate points one by one, one where nothing in it is random; every free symbol of
    `exprs` is bound."""
    exprs = list(exprs)
    first: Bindings | None = None
    for k in range(count):
        bindings = _bound(world, exprs, seed, k)
        if k == 1 and first is not None and _same(first, bindings):
            return
        first = first or bindings
        yield bindings


REDRAWN = 40  # times that a single point is drawn until the conditions hold


def _bound(world: World, exprs: list[Any], seed: int, point: int) -> Bindings:
    if not isinstance(world, Formulas):
        return _run(world, missing(world, exprs, _observed(world, seed, point).values), seed, point)
    return _moderate(with_missing(world, exprs), seed, point)


@lru_cache(maxsize=64)
def _moderate(world: Formulas, seed: int, point: int) -> Bindings:
    for attempt in range(REDRAWN):
        bindings = observe(world, generator(seed, point + 10_000 * attempt))
        if all(bool(holds(condition, bindings).all()) for condition in world.conditions):
            break
    return bindings
