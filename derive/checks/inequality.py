"""Relations: attacked by ascent on the difference from many starts and along rays, and given a tick only with a proof.

What is a number is compared exactly; what torch.nn made is observed. A relation between expressions in free symbols is
proved by the signs of its parts, as a sum of squares, exactly by Sturm's theorem, or by interval arithmetic
(positivity.py, univariate.py). A counterexample that float64 finds counts when its balls confirm it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import torch
from sympy import (
    Abs,
    Dummy,
    Eq,
    Expr,
    Ge,
    Gt,
    Indexed,
    Integer,
    Le,
    Lt,
    Max,
    Min,
    Poly,
    Rational,
    Symbol,
    cancel,
    oo,
    real_roots,
    together,
)
from sympy.core.relational import Relational
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra.arrays import Rank
from derive.algebra.nodes import is_array, plain
from derive.checks.balls import NoBall, Point, truth
from derive.checks.bindings import Bindings, Drawn
from derive.checks.evaluate import evaluate, values_at
from derive.checks.evaluate import truth as truth_in_torch
from derive.checks.points import domain_of, free_symbols
from derive.checks.positivity import exponentiated, proved_sign, sign_of
from derive.checks.referee import check, difference, points
from derive.checks.univariate import Interval, Unproved, elementary, prove
from derive.derivation import Holds
from derive.errors import DeriveError
from derive.report import Verdict
from derive.worlds import Formulas

STARTS, STEPS, MOST_STARTS, RAYS = 64, 40, 4096, 3
INTERVALS = {
    "real": Interval(), "small": Interval(), "positive": Interval(Integer(0), oo), "unit": Interval(Integer(0), Integer(1)),
    "integer": Interval(Rational(1, 2), oo),
}  # fmt: skip

RANGE = re.compile(r"(?:range|at_least)\(([^,)]+)(?:, ([^)]+))?\)$")  # the ends of a range of numbers


def interval_of(domain: str) -> Interval | None:
    """The numbers of a domain, without its ends; None for a domain of arrays."""
    ends = RANGE.match(domain)
    return Interval(Rational(ends[1]), Rational(ends[2]) if ends[2] else oo) if ends else INTERVALS.get(domain)


def first_number(domain: str) -> Any:
    """The end that belongs to a domain; None where none does."""
    ends = RANGE.match(domain)
    return Rational(ends[1]) if ends and not ends[2] else None


@check.register
def check_relation(claim: Holds, seed: int = 0) -> Verdict:
    """Refuted where it fails at a point; proved, or tried where no proof was found."""
    exactly = plain(claim.relation)
    if exactly == False:  # noqa: E712  a relation of SymPy is no bool
        return Verdict(False, "in exact arithmetic", 1, float("inf"), "the relation is false")
    if exactly == True and not claim.relation.free_symbols:  # noqa: E712
        return Verdict(True, "in exact arithmetic", 1, 0.0, strength="proved")
    verdict = _at_points(claim, seed)
    if not verdict.passed or verdict.strength != "tried":
        return verdict
    relation, domains = unfolded(claim)
    conditions = conditions_on(claim)
    attacked = None if relation == True else counterexample(relation, domains, seed, conditions)  # noqa: E712
    found = None if relation == True else attacked or _scaled(claim, seed)  # noqa: E712
    if found is not None:
        return Verdict(False, "attacked by ascent; confirmed by ball arithmetic", verdict.points, float("inf"), found)
    if not isinstance(claim.world, Formulas):
        return verdict
    by_sympy = exactly == True or relation == True  # noqa: E712
    method = "by SymPy" if by_sympy else proof(relation, domains, conditions) or _by_condition(claim)
    if method:
        return Verdict(True, f"proved {method}; {verdict.method}", verdict.points, 0.0, strength="proved")
    return verdict


def _by_condition(claim: Holds) -> str:
    """What is compared with zero is what a condition says to be positive, times what is positive."""
    relation = claim.relation
    if not isinstance(relation, Gt | Ge) or relation.args[1] != 0:
        return ""
    for condition in claim.world.conditions:  # type: ignore[attr-defined]
        if isinstance(condition, Gt) and condition.args[1] == 0:
            ratio = cancel(together(plain(relation.args[0]) / plain(condition.args[0])))
            if sign_of(ratio) == 1:
                return "from what is assumed"
    return ""


def _at_points(claim: Holds, seed: int) -> Verdict:
    """The relation at the world's points: observed where there is one, and all in it is given."""
    count, method = 0, ""
    for bindings in points(claim.world, [claim.relation], seed):
        count, method = count + 1, bindings.method
        if not truth_in_torch(claim.relation, bindings) and _is_refuted(claim, bindings):
            left, right = (evaluate(side, bindings) for side in claim.relation.args)
            return Verdict(False, method, count, float("inf"), difference(left, right, seed))
    if count == 1 and isinstance(claim.world, Formulas):
        try:
            is_proved = _in_balls(claim, bindings) is True
        except DeriveError:
            is_proved = False
        if is_proved:
            return Verdict(True, f"{method}, and proved by ball arithmetic", count, 0.0, strength="proved")
    return Verdict(True, method, count, 0.0, strength="observed" if count == 1 else "tried")


def _is_refuted(claim: Holds, bindings: Bindings) -> bool:
    """Whether balls confirm what float64 found; where there are none, float64 has the word."""
    if not isinstance(claim.world, Formulas):
        return True
    try:
        return _in_balls(claim, bindings) is False
    except DeriveError:
        return True


def _in_balls(claim: Holds, bindings: Bindings) -> bool | None:
    """The relation at the very point that torch was given."""
    definitions = claim.world.definitions if isinstance(claim.world, Formulas) else ()
    defined = {symbol for symbol, _ in definitions}
    given = {symbol: value.detach() for symbol, value in bindings.values.items() if symbol not in defined}
    return truth(claim.relation, Point(given, definitions))


SCALES = (0.0, 1e-3, 0.1, 10.0, 1e3)


def _scaled(claim: Holds, seed: int) -> str | None:
    """A counterexample along the rays of random arrays: each array alone, and all of them, much smaller, larger, zero,
    turned round, with one entry alone; None where there is none, or nothing is free to be scaled."""
    if not isinstance(claim.world, Formulas) or not any(
        isinstance(s, MatrixSymbol) for s in free_symbols([claim.relation])
    ):
        return None
    defined = {symbol for symbol, _ in claim.world.definitions}
    for k, bindings in enumerate(points(claim.world, [claim.relation], seed)):
        if k == RAYS:
            return None
        given = {symbol: value.detach() for symbol, value in bindings.values.items() if symbol not in defined}
        free = [s for s in given if isinstance(s, MatrixSymbol) and str(getattr(s, "domain", "real")) == "real"]
        for chosen in [free, *[[s] for s in free]] if len(free) > 1 else [free]:
            for values in _along({s: given[s] for s in chosen}):
                try:
                    if _fails(claim, Point({**given, **values}, claim.world.definitions)):
                        names = ", ".join(str(s) for s in chosen)
                        return f"it is false on the ray of a random {names} (seed {seed})"
                except DeriveError:
                    return None
    return None


def _fails(claim: Holds, point: Point) -> bool:
    """Whether the relation is false at a point that the world's conditions allow. That a strict one is an equality where
    arrays vanish or are constant refutes nothing: it stays without a tick, and wants a condition."""
    relation, conditions = claim.relation, getattr(claim.world, "conditions", ())
    weaker = {Gt: Ge, Lt: Le}.get(type(relation), type(relation))(*relation.args, evaluate=False)
    return truth(weaker, point) is False and all(truth(_as_relation(condition), point) for condition in conditions)


def _as_relation(condition: Any) -> Any:
    """An array stands for its full column rank."""
    return Eq(Rank(condition), condition.shape[1], evaluate=False) if is_array(condition) else condition


def _along(values: dict[Any, torch.Tensor]) -> Iterable[dict[Any, torch.Tensor]]:
    for scale in SCALES:
        for way in (1.0, -1.0):
            yield {s: way * scale * value for s, value in values.items()}
    yield {s: torch.ones_like(value) for s, value in values.items()}
    yield {s: torch.eye(value.numel(), dtype=value.dtype)[0].reshape(value.shape) for s, value in values.items()}


def unfolded(claim: Holds) -> tuple[Any, dict[Any, str]]:
    """The relation with definitions put in, and the domain of every free scalar in it; entries of positive sequences are
    positive symbols."""
    relation, world = claim.relation, claim.world
    definitions = world.definitions if isinstance(world, Formulas) else ()
    for symbol, meaning in reversed(definitions):
        relation = relation.xreplace({symbol: meaning})
    domains = dict(world.domains) if isinstance(world, Formulas) else {}
    known = [*free_symbols([meaning for _, meaning in definitions]), *domains]
    positive = {str(s) for s in known if isinstance(s, MatrixSymbol) and (domains.get(s) or domain_of(s)) == "positive"}
    entries = {e: Dummy("s", positive=True) for e in relation.atoms(Indexed) if str(e.base.label) in positive}
    relation = relation.xreplace(entries)
    scalars = [s for s in free_symbols([relation]) if isinstance(s, Symbol) and not isinstance(s, Dummy)]
    return relation, {s: domains.get(s) or domain_of(s) for s in scalars}


def conditions_on(claim: Holds) -> tuple[Any, ...]:
    """The conditions of the claim's world between scalars, with definitions put in: no other points are its own."""
    found = []
    for condition in getattr(claim.world, "conditions", ()):
        for symbol, meaning in reversed(getattr(claim.world, "definitions", ())):
            condition = condition.xreplace({symbol: meaning})
        if isinstance(condition, Relational) and all(isinstance(s, Symbol) for s in free_symbols([condition])):
            found.append(condition)
    return tuple(found)


def narrowed(interval: Interval, symbol: Any, conditions: Iterable[Any]) -> Interval:
    """The interval within the bounds that conditions such as 1 - x > 0 set."""
    low, high = interval.low, interval.high
    for condition in conditions:
        if not isinstance(condition, Gt | Ge) or free_symbols([condition]) != [symbol]:
            continue
        gap = plain(condition.lhs - condition.rhs)
        if gap.is_polynomial(symbol) and Poly(gap, symbol).degree() == 1:
            slope, start = Poly(gap, symbol).all_coeffs()
            low, high = (Max(low, -start / slope), high) if slope > 0 else (low, Min(high, -start / slope))
    return Interval(low, high)


# proofs


def proof(relation: Any, domains: dict[Any, str], conditions: Iterable[Any] = ()) -> str:
    """In words how the relation was proved; '' where it was not."""
    if not isinstance(relation, Ge | Gt | Le | Lt):
        return ""
    upper, lower = relation.args if isinstance(relation, Ge | Gt) else relation.args[::-1]
    strict = isinstance(relation, Gt | Lt)
    gap = plain(upper - lower) if lower != 0 else plain(upper)
    try:
        return _by_sign(gap, domains, strict) or _by_one_variable(gap, domains, strict, conditions)
    except (DeriveError, NotImplementedError, ValueError, TypeError, ArithmeticError, RecursionError):
        return ""


def _by_sign(gap: Expr, domains: dict[Any, str], strict: bool) -> str:
    signed = {s: Dummy(str(s), positive=True) for s, name in domains.items() if name in ("positive", "unit", "integer")}
    gap = gap.xreplace(signed)
    for expr in (gap, exponentiated(gap)):
        if expr is None:
            continue
        found, method = proved_sign(expr)
        if not found and not any(is_array(s) for s in free_symbols([expr])):
            found, method = proved_sign(elementary(expr))
        if found == 1 or (found == 0.5 and not strict):
            return method
    return ""


def _by_one_variable(gap: Expr, domains: dict[Any, str], strict: bool, conditions: Iterable[Any]) -> str:
    free = free_symbols([gap])
    interval = interval_of(domains.get(free[0], "")) if len(free) == 1 else None
    if interval is None:
        return ""
    end = first_number(domains[free[0]])
    if strict and end is not None and not gap.xreplace({free[0]: end}).is_positive:
        return ""
    try:
        return prove(gap, free[0], narrowed(interval, free[0], conditions), strict)
    except Unproved:
        return ""


# counterexamples


def counterexample(relation: Any, domains: dict[Any, str], seed: int = 0, conditions: Iterable[Any] = ()) -> str | None:
    """In words a point at which the conditions hold and the relation is false by ball arithmetic; None where none was found."""
    if not isinstance(relation, Ge | Gt | Le | Lt) or any(not isinstance(s, Symbol) for s in free_symbols([relation])):
        return None
    symbols = [s for s in domains if interval_of(domains[s]) is not None]
    if not symbols or len(symbols) != len(domains) or len(symbols) != len(free_symbols([relation])):
        return None
    try:
        found = _worst(relation, symbols, domains, seed)
    except (DeriveError, RuntimeError, ValueError, TypeError):
        return None
    for candidate in [row for near in found for row in (near, near.round(), (2 * near).round() / 2)]:
        values = dict(zip(symbols, map(float, _inside(candidate[None], symbols, domains)[0])))
        try:
            if truth(relation, Point(values)) is False and all(truth(c, Point(values)) for c in conditions):
                return "it is false at " + ", ".join(f"{symbol} = {value:.12g}" for symbol, value in values.items())
        except NoBall:
            return None
    return None


def _worst(relation: Any, symbols: list[Any], domains: dict[Any, str], seed: int) -> torch.Tensor:
    """Points at which the relation fails by most, by ascent from the worst of many starts: a row for each."""
    upper, lower = relation.args if isinstance(relation, Ge | Gt) else relation.args[::-1]

    def violation(where: torch.Tensor) -> torch.Tensor:
        bindings = Drawn({symbol: where[:, k].reshape(-1, 1, 1) for k, symbol in enumerate(symbols)}, "")
        gap = values_at(plain(lower), bindings) - values_at(plain(upper), bindings)
        return gap.flatten().expand(where.shape[0])

    first = starts(relation, symbols, domains, seed)
    values = torch.nan_to_num(violation(first).detach(), nan=-float("inf"))
    best = first[values.argsort(descending=True)[:STARTS]]
    for pool in (best, first[torch.randperm(len(first), generator=torch.Generator().manual_seed(seed))[:STARTS]]):
        best = torch.cat([best, _ascended(pool, violation, symbols, domains)])
    values = torch.nan_to_num(violation(best).detach(), nan=-float("inf"))
    return best[values.argsort(descending=True)[:24]]


def _ascended(where: torch.Tensor, violation: Any, symbols: list[Any], domains: dict[Any, str]) -> torch.Tensor:
    """Steps along the gradient's signs that grow while they help and shrink where they do not; integers stay."""
    if any(domains[s] == "integer" for s in symbols):
        return where
    step = 0.1 * where.abs().clamp(min=0.1)
    value = violation(where).detach()
    for _ in range(STEPS):
        leaf = where.clone().requires_grad_()
        total = torch.nan_to_num(violation(leaf)).sum()
        if not total.requires_grad:
            return where
        (slope,) = torch.autograd.grad(total, leaf, allow_unused=True)
        if slope is None:
            return where
        further = _inside(where + step * torch.sign(torch.nan_to_num(slope)), symbols, domains)
        found = violation(further).detach()
        better = (found > value) & torch.isfinite(found)
        where = torch.where(better[:, None], further, where)
        value = torch.where(better, found, value)
        step = torch.where(better[:, None], step * 1.5, step * 0.4)
    return where


def _inside(where: torch.Tensor, symbols: list[Any], domains: dict[Any, str]) -> torch.Tensor:
    columns = []
    for k, symbol in enumerate(symbols):
        interval, column = interval_of(domains[symbol]) or Interval(), where[:, k]
        low = float(interval.low) if interval.low.is_finite else -1e300
        high = float(interval.high) if interval.high.is_finite else 1e300
        columns.append(column.clamp(low + 1e-12, high - 1e-12) if low > -1e300 or high < 1e300 else column)
    return torch.stack(columns, 1)


def starts(relation: Any, symbols: list[Any], domains: dict[Any, str], seed: int) -> torch.Tensor:
    """Every scale from 1e-3 to 1e3 with both signs, zero, and on, beside and far from each breakpoint; several variables
    equal, opposite and apart."""
    scales = torch.logspace(-3, 3, 61, dtype=torch.float64)
    line = torch.cat(
        [torch.zeros(1, dtype=torch.float64), scales, -scales, torch.linspace(-12, 12, 241, dtype=torch.float64)]
    )
    random = torch.Generator().manual_seed(seed)
    pools = []
    for symbol in symbols:
        marks = torch.tensor(breakpoints(relation, symbol), dtype=torch.float64)
        beside = [marks + offset for offset in (0.0, 1e-9, -1e-9, 1e-3, -1e-3, 1.0, -1.0, 30.0, -30.0)]
        pools.append(_of_domain(torch.cat([line, *beside]), domains[symbol]))
    if len(symbols) == 1:
        return pools[0][:, None]
    apart = [pool[torch.randint(len(pool), (MOST_STARTS,), generator=random)] for pool in pools]
    rays = torch.cat([torch.stack([line * way for way in ways], 1) for ways in _rays(len(symbols))])
    along = torch.stack([_of_domain(rays[:, k], domains[s]) for k, s in enumerate(symbols)], 1)
    return torch.cat([torch.stack(apart, 1), along])


def _rays(n: int) -> Iterable[list[float]]:
    yield [1.0] * n
    for k in range(n):
        yield [1.0 if j == k else 0.0 for j in range(n)]
        yield [1.0 if j == k else -1.0 for j in range(n)]


def _of_domain(values: torch.Tensor, domain: str) -> torch.Tensor:
    """The numbers moved into the domain, one for one."""
    if domain == "positive":
        return values.abs().clamp(min=1e-9)
    if domain == "unit":
        return torch.sigmoid(values).clamp(1e-9, 1 - 1e-9)
    if ends := RANGE.match(domain):
        low = float(Rational(ends[1]))
        return low + (float(Rational(ends[2])) - low) * torch.sigmoid(values) if ends[2] else low + values.abs()
    return values.abs().round().clamp(min=1.0) if domain == "integer" else values


def breakpoints(expr: Any, symbol: Any) -> list[float]:
    """Where, in this symbol alone, a branch begins or two compared sides are equal."""
    found: set[float] = set()
    for node in plain(expr).atoms(Relational, Abs, Max, Min):
        switch = node.args[0] - node.args[1] if len(node.args) > 1 else node.args[0]
        if isinstance(switch, Expr) and switch.free_symbols == {symbol} and switch.is_polynomial(symbol):
            found.update(float(root) for root in real_roots(Poly(switch, symbol)))
    return sorted(found)
