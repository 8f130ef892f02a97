"""`show`: an identity, both sides brought to one form; a false one is refuted at a point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import (
    Abs,
    Dummy,
    Eq,
    Expr,
    Gt,
    Le,
    Lt,
    Max,
    Min,
    Mul,
    Piecewise,
    cancel,
    count_ops,
    exp,
    expand,
    factor,
    sign,
    simplify,
    together,
)  # fmt: skip
from sympy.functions.elementary.hyperbolic import HyperbolicFunction
from sympy.matrices.expressions import ZeroMatrix

from derive.algebra.arrays import Grouped
from derive.algebra.differentials import chains
from derive.algebra.functions import TableFunction
from derive.algebra.nodes import Map, Slot, Softmax, Total, add, is_array, matmul
from derive.algebra.numbers import numerals
from derive.algebra.tidy import array_scalars, tidy
from derive.derivation import Answer, Claim, Derivation, Equal, Holds, Identity, Refuted, Rule, Section, Work, rule
from derive.problem.types import Equation
from derive.topics.counterexample import at, differing_point, violating_point
from derive.topics.registry import questions
from derive.worlds import Formulas

WRITTEN_OUT = rule("names written out", "with the definitions put in")
DEFINITION = rule("definitions of the functions", "the definitions of the functions")
TIDY = rule("products and sums tidied", "multiply out and collect")
EXPONENTIALS = rule("exponential of a sum", "the exponential of a sum is a product")
SIMPLIFY = rule("simplified", "simplify")
ASSOCIATIVE = rule("associative law", "the product of matrices is associative: it does not depend on the brackets")
SAME = rule("the two sides agree", "so the two sides are the same")
CHECKED = rule("the two sides agree at points", "for all values of the variables")
FALSE = rule("a false identity", "{0} claims that the sides are equal")
FALSE_BOUND = rule("a false inequality", "{0} claims that this holds for all values")
BOUND = rule("an inequality", "for all values of the variables")

POINT = rule("a counterexample", "choose")
VALUE = rule("value of a side", "the value of this side there")
SMALL = 60  # operations up to which SymPy simplifies


@questions("show")
@dataclass(frozen=True)
class Show:
    """`left == right`, shown in steps for numbers, vectors and matrices, or `left <= right` (`<`, `>=`, `>`) for numbers; a
    false claim is refuted by a point."""

    identity: Equation

    def derive(self, given: Any) -> Derivation:
        left, right, relation = self.identity
        world = Formulas(tuple(given.define), tuple(given.domains))
        if relation is not Eq:
            return inequality(left, right, relation, world)
        if left != right and (left.has(Grouped) or right.has(Grouped)):
            return bracketed(left, right, world)
        forms_left, forms_right = forms(left, given.define), forms(right, given.define)
        last = difference(forms_left[-1][0], forms_right[-1][0])
        proved = not has_branches(last) and is_zero(last)
        point = None if proved else differing_point(left, right, world)
        if point is not None:
            return refuted(left, right, Equal(world, (left, right)), point, FALSE, "The identity")
        sections: list[Section] = []
        for heading, side, steps in (("Left side", left, forms_left), ("Right side", right, forms_right)):
            work = Work(heading, world)
            before = side
            for expr, why in steps:
                if expr != before:
                    work.equal(before, expr, why=why)
                before = expr
            if work.steps:
                sections.append(work.section())
        work = Work("Together", world)
        if proved:
            work.equal(left, right, why=SAME, result=True)
        else:
            work.claim(Identity(world, (left, right)), CHECKED)
        answer = Answer("identity", right, lambda value: Equal(world, (left, value)), is_main=True)
        return Derivation("The identity", (*sections, work.section()), (answer,))


def has_branches(expr: Any) -> bool:
    """Whether the sign of something chooses between formulas."""
    return bool(expr.has(Piecewise, Abs, Max, Min, sign))


def inequality(left: Any, right: Any, relation: Any, world: Formulas) -> Derivation:
    """The difference as a product, where it is one, and the inequality; a false one is refuted by a point."""
    claim = Holds(world, relation(left, right, evaluate=False))
    lower, upper = (left, right) if relation in (Le, Lt) else (right, left)
    point = violating_point(lower, upper, relation in (Lt, Gt), world)
    if point is not None:
        return refuted(left, right, claim, point, FALSE_BOUND, "The inequality")
    sections, gap = [], upper - lower
    if upper != 0 and lower != 0 and not has_arrays(gap) and not has_branches(gap):
        product = factor(gap) if count_ops(gap) <= SMALL else gap
        if product != gap and (product.is_Mul or product.is_Pow):
            sections.append(Work("The difference", world).equal(gap, product, why=SIMPLIFY).section())
    together = Work("Together", world).claim(claim, BOUND, (), True)
    answer = Answer("bound", right, lambda value: Holds(world, relation(left, value, evaluate=False)), is_main=True)
    return Derivation("The inequality", (*sections, together.section()), (answer,))


def bracketed(left: Any, right: Any, world: Formulas) -> Derivation:
    """Two sides that differ in their brackets alone."""
    work = Work("The identity", world)
    work.equal(left, right, why=ASSOCIATIVE, result=True)
    answer = Answer("identity", right, lambda value: Equal(world, (left, value)), is_main=True)
    return Derivation("The identity", (work.section(),), (answer,))


def refuted(left: Any, right: Any, claim: Claim, point: dict[Any, Any], why: Rule, what: str) -> Derivation:
    """A point at which the claim about the two sides fails, and that it does not hold."""
    world: Any = claim.world
    sized = {symbol: value for symbol, value in point.items() if not is_array(value) and symbol.is_integer}
    values = {symbol.xreplace(sized): value for symbol, value in point.items() if symbol not in sized}
    definitions = tuple((s.xreplace(sized), e.xreplace(sized)) for s, e in world.definitions)
    there = Formulas((*values.items(), *definitions))
    work = Work("A counterexample", there)
    for symbol, value in values.items():
        work.define(symbol, numerals(value), why=POINT)
    for side in (left, right):
        value, shown = numerals(at(side, world, point)), side.xreplace(sized)
        if shown != value and shown.free_symbols:
            work.equal(shown, value, why=VALUE)
    false = Work(f"{what} is false", world)
    false.claim(Refuted(world, claim, "the sheet"), why, ("the sheet",))
    return Derivation(what, (work.section(), false.section()))


def forms(side: Any, definitions: Any) -> list[tuple[Any, Any]]:
    """The side step by step towards a form that can be compared: (expression, reason)."""
    listed = []
    plain = side
    for symbol, meaning in reversed(list(definitions)):
        plain = plain.xreplace({symbol: meaning})
    if plain != side:
        listed.append((plain, WRITTEN_OUT))
    defined = by_definition(plain)
    if defined != plain:
        listed.append((defined, DEFINITION))
    split = split_exponentials(defined)
    if split != defined:
        listed.append((split, EXPONENTIALS))
    defined = split
    collected = tidy(defined, distribute=True) if is_array(defined) or has_arrays(defined) else defined
    if collected != defined:
        listed.append((collected, TIDY))
    if not is_array(collected):
        short = shortest(collected)
        if short != collected:
            listed.append((short, SIMPLIFY))
    return listed or [(side, TIDY)]


def split_exponentials(expr: Any) -> Any:
    """e^(v + c) = e^c e^v in every entry, for a number c."""
    if not getattr(expr, "args", ()) or expr.is_Symbol:
        return expr
    inner = [split_exponentials(arg) for arg in expr.args]
    expr = expr if tuple(inner) == expr.args else expr.func(*inner)
    if not isinstance(expr, Map):
        return expr
    return Map(expr.body.replace(lambda e: isinstance(e, exp) and e.args[0].is_Add, _as_product), *expr.arrays)


def _as_product(node: Any) -> Any:
    fixed, varying = node.args[0].as_independent(*[s for s in node.free_symbols if isinstance(s, Slot)], as_Add=True)
    return Mul(exp(fixed), exp(varying), evaluate=False) if fixed != 0 else node


def has_arrays(expr: Any) -> bool:
    return is_array(expr) or any(has_arrays(arg) for arg in getattr(expr, "args", ()))


def by_definition(expr: Any) -> Any:
    """Functions of the table, softmax too, as their definitions."""
    if isinstance(expr, Softmax) and type(expr) is Softmax:
        z = by_definition(expr.args[0])
        exponentials = Map(exp(Slot(0)), z)
        return Map(Slot(0) / Total(exponentials), exponentials)
    if not getattr(expr, "args", ()) or expr.is_Symbol:
        return expr
    inner = [by_definition(arg) for arg in expr.args]
    rebuilt = expr if tuple(inner) == expr.args else expr.func(*inner)
    if isinstance(rebuilt, TableFunction):
        return by_definition(rebuilt.definition)
    return rebuilt


def shortest(expr: Expr) -> Any:
    """Over one denominator and simplified, where the expression is small."""
    if count_ops(expr) > SMALL or expr.has(Piecewise):
        return expr
    inside = {node: Dummy(real=True) for node in array_scalars(expr)}
    flat = expr.xreplace(inside)
    back = {dummy: node for node, dummy in inside.items()}
    candidates = [e for e in (cancel(together(flat)), simplify(flat)) if not e.has(HyperbolicFunction)] or [flat]
    return min(candidates, key=lambda e: (count_ops(e), len(str(e)))).xreplace(back)


def difference(left: Any, right: Any) -> Any:
    """left - right."""
    return add(left, matmul(-1, right)) if is_array(left) else left - right


def is_zero(expr: Any) -> bool:
    """Whether the engine can show that an expression is zero."""
    if is_array(expr):
        found = tidy(expr, distribute=True)
        if isinstance(found, ZeroMatrix):
            return True
        return all(is_zero(scalar) for scalar, _ in chains(found))
    inside = {node: Dummy(real=True) for node in array_scalars(tidy(expr, distribute=True))}
    flat = tidy(expr, distribute=True).xreplace(inside)
    return bool(flat == 0 or expand(flat) == 0 or cancel(together(flat)) == 0 or simplify(flat) == 0)
