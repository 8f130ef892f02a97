"""Reasons of calculus: the rules by which a quantity receives its derivative, differentials, rules of one variable, series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Abs, Add, Max, Min, Mul, Piecewise, Pow, log
from sympy.matrices.expressions import MatAdd, MatMul, OneMatrix, Transpose
from sympy.matrices.expressions.matexpr import MatrixElement

from derive.algebra import arrays
from derive.algebra.functions import TableFunction
from derive.algebra.nodes import (
    At,
    Gradient,
    Map,
    Mean,
    Partial,
    Softmax,
    Terms,
    Total,
    is_array,
    plain,
)
from derive.checks.reasons.cited import (
    Cited,
    has,
    is_a,
    is_name,
    is_symbolic,
    is_value,
    parts,
    path_to,
    same,
    symbols,
)
from derive.checks.reasons.vocabulary import (
    Predicate,
    about_is,
    about_nothing,
    claims,
    in_world,
    left,
    right,
    speaks_of,
    that,
)
from derive.checks.univariate import elementary
from derive.derivation import Assumption, Definition, Equal, Holds, IsGradient, IsLimit
from derive.worlds import Formulas, StackRun

# how a quantity enters what is differentiated


def users(c: Cited) -> list[Any]:
    """The definitions, up to the one differentiated, in which the symbol stands."""
    of, wrt = c.claim.of, c.claim.wrt
    reached, found = {of}, []
    for symbol, meaning in reversed(equations(c)):
        if symbol in reached and symbol != wrt:
            reached |= symbols(meaning)
            if wrt in symbols(meaning):
                found.append(meaning)
    if not any(s == of for s, _ in c.world.definitions) and wrt in symbols(of):
        found.append(of)
    return found


def equations(c: Cited) -> list[tuple[Any, Any]]:
    """The definitions of the world; where none of them uses the symbol, since torch's own network holds it, those of the
    last step before whose world has the equations written out."""
    listed = list(c.world.definitions)
    if isinstance(c.world, StackRun) and not _use(listed, c.claim.wrt):
        earlier = [list(step.claim.world.definitions) for step in c.before if isinstance(step.claim.world, Formulas)]
        listed = next((found for found in reversed(earlier) if _use(found, c.claim.wrt)), listed)
    return listed


def _use(definitions: list[tuple[Any, Any]], symbol: Any) -> bool:
    return any(symbol in symbols(meaning) for _, meaning in definitions)


def steps_in(c: Cited) -> list[Any]:
    """The nodes from the only definition that uses the symbol down to it, sums and multiples at the top left out; where
    torch's own network holds the symbol, the nodes that this would leave in the derivative."""
    used = users(c)
    way = path_to(used[0], c.claim.wrt) if len(used) == 1 else None
    way = list(way or [])
    while len(way) > 1 and _passes_on(way[0]):
        way.pop(0)
    return way


def _passes_on(node: Any) -> bool:
    if isinstance(node, MatMul):
        return sum(map(is_array, node.args)) == 1
    return isinstance(node, Add | MatAdd | Mul)


def enters(*kinds: type) -> Predicate:
    """The symbol stands in one place, and the first node on the way to it (sums and multiples aside) is one of these."""

    def test(c: Cited) -> bool:
        if held(c):
            return passed_on(c, kinds)
        way = steps_in(c)
        return bool(way) and isinstance(way[0], kinds)

    return Predicate("it enters by " + " or ".join(k.__name__ for k in kinds), test)


def passed_on(c: Cited, kinds: tuple[type, ...]) -> bool:
    """What the derivative looks like where the symbol enters so: by itself through a sum, entry by entry through a function."""
    first = c.sides[1]
    if Add in kinds:
        return isinstance(first, Gradient | Partial | Transpose) or not any(
            isinstance(p, MatMul) and sum(map(is_array, p.args)) > 1 for p in parts(first)
        )
    return isinstance(first, kinds) or (
        isinstance(first, MatMul)
        and sum(map(is_array, first.args)) == 1
        and any(isinstance(a, kinds) for a in first.args)
    )


def several(c: Cited) -> bool:
    """The symbol stands in more than one place."""
    used = users(c)
    if held(c):
        return (
            len(c.about) == 1
            and c.about[0] == c.claim.wrt
            and any(isinstance(p, Add | MatAdd | Terms) for p in parts(c.sides[1]))
        )
    return (
        len(c.about) == 1
        and c.about[0] == c.claim.wrt
        and (len(used) > 1 or (len(used) == 1 and path_to(used[0], c.claim.wrt) is None))
    )


def held(c: Cited) -> bool:
    """The symbol's use is not in the world: torch's own network holds it."""
    return isinstance(c.world, StackRun) and not users(c)


def multiple(c: Cited) -> bool:
    """A constant factor times the symbol, alone or in a sum."""
    used = users(c)
    way = (path_to(used[0], c.claim.wrt) if len(used) == 1 else None) or []
    return bool(way) and _passes_on(way[-1]) and isinstance(way[-1], MatMul | Mul) and all(map(_passes_on, way))


def other_factors(c: Cited) -> bool:
    """A product of arrays, in which the symbol is one factor among others."""
    if held(c):
        return any(
            isinstance(p, MatMul) and sum(map(is_array, p.args)) > 1 for side in c.sides[1:] for p in parts(side)
        )
    way = steps_in(c)
    return any(isinstance(node, MatMul) and sum(map(is_array, node.args)) > 1 for node in way[:2])


def repeated(c: Cited) -> bool:
    """A row (or column) for each of several examples; the derivative adds them up."""
    if held(c):
        return has(OneMatrix, Total)(c.sides[1])
    used = users(c)
    way = (path_to(used[0], c.claim.wrt) if len(used) == 1 else None) or []
    return any(isinstance(node, MatMul) and any(isinstance(a, OneMatrix) for a in node.args) for node in way)


def new_names(c: Cited) -> set[Any]:
    return symbols(c.right) - symbols(c.sides[1])


@that("at any value of its variable")
def at_any_value(c: Cited) -> bool:
    """Nothing in the relation or the derivative is held at a number."""
    return not any(is_value(c.definitions[s]) for side in c.sides for s in symbols(side) if s in c.definitions)


receives = claims(IsGradient) & in_world(Formulas, StackRun)

ADJOINTS = {
    "definition of a quantity": claims(Definition) & about_nothing,
    "objective by names": claims(Equal, Definition)
    & in_world(Formulas)
    & about_nothing
    & left(is_name)
    & Predicate(
        "names that the world defines come in",
        lambda c: len(c.sides) == 3 and new_names(c) <= set(c.definitions) and bool(new_names(c)),
    ),
    "adjoint of a sum": receives & about_nothing & enters(Add, MatAdd, Mul),
    "adjoint of a product": receives & about_nothing & Predicate("it is a factor of a product", other_factors),
    "adjoint of a multiple": receives & about_nothing & Predicate("it has a constant factor", multiple),
    "adjoint of a number's product": receives
    & about_nothing
    & enters(Mul)
    & Predicate("it is a number", lambda c: not is_array(c.claim.wrt)),
    "adjoint of a repetition": receives & about_nothing & Predicate("a vector of ones repeats it", repeated),
    "adjoint of an entrywise function": receives & about_nothing & enters(Map),
    "adjoint of softmax": receives & about_nothing & enters(Softmax, arrays.LogSumExp, arrays.RowLogSumExp),
    "adjoint of a norm": receives
    & about_nothing
    & enters(arrays.Norm, Pow)
    & Predicate("there is a norm", lambda c: any(isinstance(n, arrays.Norm) for n in steps_in(c))),
    "adjoint of a trace": receives & about_nothing & enters(arrays.TraceOf),
    "adjoint of a determinant": receives & about_nothing & enters(arrays.Det, arrays.LogDet),
    "adjoint of an inverse": receives & about_nothing & enters(arrays.Inv),
    "adjoint of a total": receives & about_nothing & enters(Total, Mean),
    "chain rule": receives
    & about_nothing
    & Predicate("it enters by some function", lambda c: bool(users(c)) or held(c)),
    "several places": receives & Predicate("it stands in several places", several),
    "chain rule through patches": receives & about_nothing & enters(arrays.Patches),
    "chain rule through windows' largest entries": receives & about_nothing & enters(arrays.WindowLargest),
    "chain rule through a new shape": receives & about_nothing & enters(arrays.Reshaped),
    "no influence": receives
    & about_is(0, lambda c: c.claim.wrt, "it is the symbol of the derivative")
    & Predicate("no definition uses it", lambda c: not users(c)),
    "an entry of the gradient": claims(Equal)
    & in_world(Formulas)
    & left(lambda e: isinstance(e, MatrixElement) and isinstance(e.parent, Gradient), "is an entry of a gradient"),
}

# differentials


def is_change(expr: Any) -> bool:
    return isinstance(expr, arrays.SmallChange | arrays.Change | arrays.ScalarChange) or (
        is_name(expr) and str(expr).startswith("d")
    )


DIFFERENTIALS = {
    "differential": claims(Equal)
    & in_world(Formulas)
    & about_nothing
    & left(is_change)
    & left(is_name)
    & right(lambda e: any(map(is_change, parts(e))) or is_value(e), "has changes"),
    "differential collected": claims(Equal)
    & in_world(Formulas)
    & left(is_a(arrays.Change, arrays.ScalarChange))
    & about_is(0, lambda c: c.left.args[1], "the change is of what it names"),
    "read off the matrix": claims(Equal)
    & in_world(Formulas)
    & about_nothing
    & left(is_a(arrays.Jacobian, arrays.Hessian))
    & Predicate("in a vector", lambda c: same(c.left.args[1].shape[1], 1)),
    "read off the matrix of vectors": claims(Equal)
    & in_world(Formulas)
    & about_nothing
    & left(is_a(arrays.Jacobian, arrays.Hessian))
    & Predicate("in a matrix", lambda c: not same(c.left.args[1].shape[1], 1)),
    "directional derivative": claims(Equal)
    & in_world(Formulas)
    & about_nothing
    & left(is_a(arrays.Change, arrays.ScalarChange))
    & Predicate("it has the gradient", lambda c: has(Gradient)(c.sides[1])),
}

# one variable, a layer of rules a line


def pending(expr: Any) -> list[Any]:
    return [p for p in parts(expr) if isinstance(p, Partial)]


def worked_out(c: Cited) -> list[Any]:
    """The functions whose derivatives were carried out in this line."""
    if isinstance(c.claim, IsGradient):
        of = c.definitions.get(c.claim.of, c.claim.of)
        return [of] if of is not None else []
    after = pending(c.right)
    return [p.args[0] for p in pending(c.left) if p not in after]


def rest_of(c: Cited, expr: Any) -> Any:
    """A function without its constant factor."""
    x = c.claim.wrt if isinstance(c.claim, IsGradient) else pending(c.left)[0].args[1]
    return plain(expr).as_independent(x, as_Add=False)[1]


def form_of(c: Cited, expr: Any) -> str:
    """Which rule the derivative of a function needs first, by the form of the function."""
    x = c.claim.wrt if isinstance(c.claim, IsGradient) else pending(c.left)[0].args[1]
    rest = rest_of(c, expr)
    if isinstance(rest, Piecewise):
        return "branch by branch"
    if any(isinstance(f, Pow) and f.exp.is_negative is True and f.base.has(x) for f in Mul.make_args(rest)) and not (
        isinstance(rest, Pow) and rest.base == x
    ):
        return "quotient rule"
    if isinstance(rest, Add | Mul):
        return "sum rule" if isinstance(rest, Add) else "product rule"
    if isinstance(rest, Pow) and rest.base == x and not rest.exp.has(x):
        return "power rule"
    return "a derivative that is known" if all(a == x or not a.has(x) for a in rest.args) else "chain rule"


def rule_of(kind: str) -> Predicate:
    """Every derivative that was carried out in this line is one of a function of this form."""
    return Predicate(
        f"it is the {kind}", lambda c: bool(worked_out(c)) and all(form_of(c, e) == kind for e in worked_out(c))
    )


def names_every_rule(c: Cited, what: Any) -> bool:
    """The rules that the parts need, and no others. A derivative may come back: it was carried out in one place, and another
    one left it behind."""
    needed = {form_of(c, e) for e in worked_out(c)}
    possible = {form_of(c, p.args[0]) for p in pending(c.left)}
    named = set(str(what).split(" and "))
    return len(named) > 1 and needed <= named <= possible and str(what) == " and ".join(sorted(named))


scalar = claims(IsGradient, Equal) & in_world(Formulas) & about_nothing


@that("no derivative is left")
def nothing_pending(c: Cited) -> bool:
    return not pending(c.left) and not pending(c.right)


def _both_signs(c: Cited) -> bool:
    """The step before gives a positive value at the first point named, this one a negative value at the second."""
    if len(c.about) != 2 or not c.before or not isinstance(c.before[-1].claim, Equal):
        return False
    earlier, value = c.before[-1].claim.sides[0], c.before[-1].claim.sides[-1]
    points = [e.args[2] for e in (earlier, c.left) if isinstance(e, At)]
    return points == list(c.about) and bool(value > 0) and bool(c.right < 0) and earlier.args[0] == c.left.args[0]


ONE_VARIABLE = {
    "sum rule": scalar & rule_of("sum rule"),
    "product rule of two": scalar & rule_of("product rule"),
    "quotient rule of two": scalar & rule_of("quotient rule"),
    "chain rule of a scalar": scalar & rule_of("chain rule"),
    "power rule": scalar & rule_of("power rule"),
    "derivative of branches": scalar & rule_of("branch by branch"),
    "known derivatives": scalar & rule_of("a derivative that is known"),
    "several rules": claims(Equal)
    & in_world(Formulas)
    & speaks_of(0, names_every_rule, "the rules are those of the parts"),
    "simplify": claims(Equal) & in_world(Formulas) & about_nothing & nothing_pending & left(is_symbolic),
}

# series


def order(expr: Any) -> int:
    return len(expr.args) - 1 if isinstance(expr, Partial) else 0


from_the_side = speaks_of(
    0, lambda c, what: {1: "the right", -1: "the left"}.get(c.claim.side) == what, "the side is the one named"
)


def _other_side_differs(c: Cited) -> bool:
    other = c.before[-1].claim if c.before else None
    return (
        isinstance(other, IsLimit)
        and (other.of, other.variable, other.to) == (c.claim.of, c.claim.variable, c.claim.to)
        and other.side == -c.claim.side
        and not same(other.value, c.claim.value)
    )


def _turn_at(claim: Any, before: list[Any]) -> tuple[Any, int]:
    """Where a line says how the slope changes, and which way: a value of the second derivative, or the slope from the right
    after the one from the left."""
    if isinstance(claim, Equal) and isinstance(claim.sides[0], At):
        value = claim.sides[-1]
        return claim.sides[0].args[2], 1 if value.is_positive else -1 if value.is_negative else 0
    other = before[-1] if before else None
    if not (isinstance(claim, IsLimit) and isinstance(other, IsLimit) and order(claim.of) == 1):
        return None, 0
    if (other.of, other.to, other.side, claim.side) != (claim.of, claim.to, -1, 1):
        return None, 0
    rise = claim.value - other.value
    return claim.to, 1 if rise.is_positive else -1 if rise.is_negative else 0


def turns(c: Cited) -> list[tuple[Any, int]]:
    """All places at which the slope was shown to rise or to fall, up to this line."""
    shown = [s.claim for s in c.before]
    listed = [_turn_at(claim, shown[:k]) for k, claim in enumerate([*shown, c.claim])]
    return [turn for turn in listed if turn[1]]


def _second_is_zero(c: Cited) -> bool:
    lines = [s.claim.sides for s in c.before if isinstance(s.claim, Equal)]
    return any(order(sides[0]) == 2 and sides[-1] == 0 for sides in lines)


def _is_value_there(c: Cited) -> bool:
    """Whether the limit is what the quantity is worth at the place, with all names that the variable moves written out."""
    of = c.claim.of
    for symbol, meaning in reversed(list(c.definitions.items())):
        of = of.xreplace({symbol: meaning}) if symbol != c.claim.variable else of
    return same(elementary(of.xreplace({c.claim.variable: c.claim.to})), elementary(c.claim.value))


def turns_here(way: int) -> Predicate:
    words = "rises" if way > 0 else "falls"
    return from_the_side & Predicate(f"the slope {words} here", lambda c: turns(c)[-1:] == [(c.claim.to, way)])


def all_kinks_turn(way: int) -> Predicate:
    return Predicate(
        "all changes of the slope shown before are of this way",
        lambda c: bool(turns(c)) and all(found == way for _, found in turns(c)),
    )


SERIES = {
    "derivative of an order": claims(Equal)
    & at_any_value
    & in_world(Formulas)
    & about_nothing
    & left(is_a(Partial))
    & right(lambda e: not has(Partial)(e), "is worked out"),
    "derivative at the point": claims(Equal)
    & in_world(Formulas)
    & right(lambda e: not has(Partial)(e), "is worked out")
    & left(lambda e: isinstance(e, At), "is a value at a point")
    & Predicate(
        "the world has put the variables there",
        lambda c: all(same(c.definitions.get(variable), value) for variable, value in c.left.places),
    )
    & speaks_of(
        0,
        lambda c, what: any(same(what, meaning) for _, meaning in c.definitions.items()),
        "the point is the one named",
    ),
    "Taylor polynomial": claims(Equal)
    & in_world(Formulas)
    & about_nothing
    & left(is_name)
    & Predicate(
        "its meaning is made of derivatives",
        lambda c: (
            has(Partial)(c.definitions.get(c.left))
            or (not has(Partial)(c.right) and c.left in c.definitions and str(c.left).startswith("T_"))
        ),
    ),
    "limit": claims(IsLimit) & about_nothing & Predicate("from both sides", lambda c: c.claim.side == 0),
    "limit from a side": claims(IsLimit) & from_the_side,
    "limit from the first of two sides": claims(IsLimit) & from_the_side,
    "no limit": claims(IsLimit)
    & from_the_side
    & Predicate("the limit from the other side, just before, is another one", lambda c: _other_side_differs(c)),
    "second derivative of a function": claims(Equal)
    & at_any_value
    & in_world(Formulas)
    & about_nothing
    & left(is_a(Partial))
    & Predicate("of second order", lambda c: order(c.left) == 2),
    "convex": claims(Holds)
    & at_any_value
    & about_nothing
    & Predicate("the second derivative is not negative", lambda c: _sign_of_second(c, ">=")),
    "concave": claims(Holds)
    & at_any_value
    & about_nothing
    & Predicate("the second derivative is not positive", lambda c: _sign_of_second(c, "<=")),
    "convex with kinks": claims(Holds)
    & about_nothing
    & Predicate("the second derivative is not negative", lambda c: _sign_of_second(c, ">="))
    & all_kinks_turn(1),
    "concave with kinks": claims(Holds)
    & about_nothing
    & Predicate("the second derivative is not positive", lambda c: _sign_of_second(c, "<="))
    & all_kinks_turn(-1),
    **{
        f"{kind} and straight between kinks": claims(IsLimit)
        & turns_here(way)
        & all_kinks_turn(way)
        & Predicate("the second derivative was shown to be zero", lambda c: _second_is_zero(c))
        for kind, way in (("convex", 1), ("concave", -1))
    },
    "continuous at a kink": claims(IsLimit)
    & Predicate("from both sides, and to the value there", lambda c: c.claim.side == 0 and _is_value_there(c))
    & about_is(0, lambda c: c.claim.to, "it names the place"),
    "the slope rises at a kink": claims(IsLimit) & turns_here(1),
    "the slope falls at a kink": claims(IsLimit) & turns_here(-1),
    "neither convex nor concave, for a jump": claims(IsLimit)
    & from_the_side
    & Predicate("the limit from the other side, just before, is another one", lambda c: _other_side_differs(c))
    & Predicate("of the function", lambda c: order(c.claim.of) == 0),
    "neither convex nor concave, with kinks": claims(IsLimit, Equal)
    & Predicate(
        "the slope was shown to rise at the first place and to fall at the second",
        lambda c: len(c.about) == 2 and {(c.about[0], 1), (c.about[1], -1)} <= set(turns(c)),
    ),
    "negative second derivative at a point": claims(Equal)
    & left(lambda e: isinstance(e, At), "is a value at a point")
    & Predicate("the value is negative", lambda c: bool(c.right < 0))
    & about_is(0, lambda c: c.left.args[2], "it names the point"),
    "second derivative at a point": claims(Equal)
    & left(lambda e: isinstance(e, At), "is a value at a point")
    & about_is(0, lambda c: c.left.args[2], "it names the point"),
    "neither convex nor concave": claims(Equal)
    & left(lambda e: isinstance(e, At), "is a value at a point")
    & Predicate("the second derivative has both signs, at the points named", _both_signs),
}


def _sign_of_second(c: Cited, relation: str) -> bool:
    shown = any(
        isinstance(s.claim, Equal) and order(s.claim.sides[0]) == 2 and c.left in s.claim.sides for s in c.before
    )
    return shown and c.claim.relation.rel_op == relation


# conditions


def assumes(sign: str, of_array: bool, needed: Callable[[Any], bool]) -> Predicate:
    """An assumption of this relation (in every entry of an array), which something in the definitions needs."""
    return (
        claims(Assumption)
        & in_world(Formulas)
        & about_nothing
        & Predicate(f"it says {sign}", lambda c: c.claim.relation.rel_op == sign and is_array(c.left) == of_array)
        & Predicate(
            "something in the definitions needs it",
            lambda c: any(needed(p) for meaning in c.definitions.values() for p in parts(meaning)),
        )
    )


def _is_root(p: Any) -> bool:
    return isinstance(p, Pow) and not p.exp.is_integer


def _divides(p: Any) -> bool:
    return isinstance(p, Pow) and p.exp.is_negative is True


def _is_kinked(p: Any) -> bool:
    kinked = (Abs, Max, Min, Piecewise, arrays.Norm, arrays.LargestEntry, arrays.RowLargest)
    return isinstance(p, kinked) or (isinstance(p, TableFunction) and bool(p.row.kinks))


CONDITIONS: dict[str, Predicate] = {
    "a largest entry alone": assumes("==", False, lambda p: isinstance(p, arrays.LargestEntry))
    & left(is_a(Total), "is a number of entries")
    & Predicate(
        "it is one entry, which is compared with the largest",
        lambda c: c.right == 1 and has(arrays.LargestEntry)(c.left),
    )
}
for _of_array, _where in ((False, ""), (True, " in every entry")):
    CONDITIONS |= {
        f"defined by the argument of a logarithm{_where}": assumes(">", _of_array, lambda p: isinstance(p, log)),
        f"defined by the argument of a power{_where}": assumes(">", _of_array, _is_root),
        f"defined by the divisor{_where}": assumes("!=", _of_array, _divides),
        f"defined by the determinant{_where}": assumes(">", _of_array, lambda p: isinstance(p, arrays.LogDet)),
        f"defined by the inverse{_where}": assumes("!=", _of_array, lambda p: isinstance(p, arrays.Inv)),
        f"defined by the rank{_where}": assumes("==", _of_array, lambda p: isinstance(p, arrays.LogDet | arrays.Inv)),
        f"away from a kink{_where}": assumes("!=", _of_array, _is_kinked),
    }

AT_NUMBERS = {
    "at the given numbers": claims(Equal, IsGradient)
    & in_world(Formulas)
    & about_nothing
    & right(is_value, "is made of numbers")
    & Predicate(
        "everything free in the world has a number",
        lambda c: all(s in c.definitions for meaning in c.definitions.values() for s in symbols(meaning)),
    )
}

TABLE = {**ADJOINTS, **DIFFERENTIALS, **ONE_VARIABLE, **SERIES, **CONDITIONS, **AT_NUMBERS}
