"""`show`: an identity, both sides brought to one form; a false one is refuted at a point."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sympy import (
    Abs,
    Dummy,
    Eq,
    Expr,
    Gt,
    Integer,
    Le,
    Lt,
    Max,
    Min,
    Mul,
    Piecewise,
    Symbol,
    cancel,
    count_ops,
    exp,
    expand,
    factor,
    log,
    sign,
    simplify,
    together,
)  # fmt: skip
from sympy.functions.elementary.hyperbolic import HyperbolicFunction
from sympy.matrices.expressions import Identity, MatMul, ZeroMatrix

from derive.algebra import arrays
from derive.algebra.arrays import Grouped
from derive.algebra.differentials import chains
from derive.algebra.domains import conditions
from derive.algebra.functions import TableFunction
from derive.algebra.laws import LAWS
from derive.algebra.nodes import Factors, LogSoftmax, Map, Slot, Softmax, Terms, Total, add, is_array, matmul
from derive.algebra.notation import text
from derive.algebra.numbers import numerals
from derive.algebra.signs import sign_of
from derive.algebra.tidy import array_scalars, tidy
from derive.derivation import (
    Answer,
    Claim,
    Conjecture,
    Derivation,
    Equal,
    Holds,
    Reason,
    Refuted,
    Rule,
    Section,
    Work,
    rule,
)
from derive.problem.types import Equation
from derive.topics.counterexample import at, differing_point, violating_point
from derive.topics.objective import holding, where_defined
from derive.topics.registry import questions
from derive.worlds import Formulas

WRITTEN_OUT = rule("names written out", "with the definitions put in")
DEFINITION = rule("definitions of the functions", "the definitions of the functions")
TIDY = rule("products and sums tidied", "multiply out and collect")
EXPONENTIALS = rule("exponential of a sum", "the exponential of a sum is a product")
INVERSE = rule("matrix times its inverse", "a matrix times its inverse is the identity")
LAW_RULES = {
    "inverse of a product": rule(
        "inverse of a product", "the inverse of a product is the product of the inverses, reversed"
    ),
    "inverse of a transpose": rule(
        "inverse of a transpose", "the inverse of a transpose is the transpose of the inverse"
    ),
    "determinant of a product": rule(
        "determinant of a product", "the determinant of a product is the product of the determinants"
    ),
    "transpose of a product": rule(
        "transpose of a product", "the transpose of a product is the product of the transposes, reversed"
    ),
    "symmetric matrix": rule("symmetric matrix", "{0} is symmetric"),
    "sum of products of entries": rule(
        "sum of products of entries",
        "the sum of the products of the entries is a trace (for vectors, an inner product)",
    ),
    "trace of a product": rule("trace of a product", "the factors of a product under a trace may go around"),
    "squared norm": rule("squared norm", "the square of a norm is the sum of the squares"),
    "sum of sums": rule("sum of sums", "a sum of sums, term by term"),
}
MULTIPLIED = rule("multiplied out", "multiply out")
SIMPLIFY = rule("simplified", "simplify")
ASSOCIATIVE = rule("associative law", "the product of matrices is associative: it does not depend on the brackets")
SAME = rule("the two sides agree", "so the two sides are the same")
ONE_FORM = rule("one form as read", "both sides are {0} as soon as they are read, so there is nothing to show")
CHECKED = rule("the two sides agree at points", "what was to be shown")
FALSE = rule("a false identity", "{0} claims that the sides are equal")
FALSE_BOUND = rule("a false inequality", "{0} claims that this holds for all values")
BOUND = rule("an inequality", "what was to be shown")

POINT = rule("a counterexample", "choose")
VALUE = rule("value of a side", "the value of this side there")
SMALL = 60  # operations up to which SymPy simplifies


Forms = list[
    tuple[Any, ...]
]  # expressions, each with the reason for which it equals the one before, and what that names


@questions("show")
@dataclass(frozen=True)
class Show:
    """`left == right`, shown in steps for numbers, vectors and matrices, or `left <= right` (`<`, `>=`, `>`) for numbers; a
    false claim is refuted by a point."""

    identity: Equation

    def derive(self, given: Any) -> Derivation:
        left, right, relation, written = self.identity
        world, stated = where_it_holds([left, right], given)
        if relation is not Eq:
            found = inequality(left, right, relation, world, written)
            return replace(found, sections=(*stated, *found.sections))
        if left == right and not left.has(Grouped):
            word = Section("The identity", (), Reason(ONE_FORM, (left,)))
            return Derivation("The identity", (word,))
        if left != right and (left.has(Grouped) or right.has(Grouped)):
            return bracketed(left, right, world)
        forms_left, forms_right = forms(left, given.define), forms(right, given.define)
        last = difference(forms_left[-1][0], forms_right[-1][0])
        proved = not has_branches(last) and is_zero(last)
        if proved:
            to_one_form(forms_left, forms_right)
            forms_left, forms_right = up_to_one_form(left, forms_left, right, forms_right)
        point = None if proved else differing_point(left, right, world)
        if point is not None:
            return refuted(left, right, lambda there, a, b: Equal(there, (a, b)), world, point, FALSE, written)
        sections = stated
        for heading, side, steps in (("Left side", left, forms_left), ("Right side", right, forms_right)):
            work = Work(heading, world)
            before = side
            for expr, why, *about in steps:
                if expr != before:
                    work.equal(before, expr, why=why, about=about[0] if about else ())
                before = expr
            if work.steps:
                sections.append(work.section())
        work = Work("Together", world)
        if proved:
            ends = forms_left[-1][0], forms_right[-1][0]
            if ends[0] != ends[1] and not is_array(ends[0]):
                work.equal(Terms(ends[0], Factors(Integer(-1), ends[1])), Integer(0), why=SIMPLIFY)
            if sections and sections[-1].steps[-1].claim == Equal(world, (left, right)):  # one line shows it all
                sections[-1] = with_result(sections[-1])
            else:
                work.equal(left, right, why=SAME, result=True)
        else:
            work.claim(Conjecture(world, (left, right)), CHECKED)
        answer = Answer("identity", right, lambda value: Equal(world, (left, value)), is_main=True)
        return Derivation("The identity", (*sections, *([work.section()] if work.steps else [])), (answer,))


def with_result(section: Section) -> Section:
    """The section, whose last line is the result."""
    return replace(section, steps=(*section.steps[:-1], replace(section.steps[-1], is_result=True)))


def where_it_holds(exprs: list[Any], given: Any) -> tuple[Formulas, list[Section]]:
    """The conditions under which everything in a statement has a value, stated first; points are drawn by them."""
    names = [Symbol(f"_side{k}", real=True) for k, _ in enumerate(exprs)]
    named = (*given.define, *zip(names, exprs, strict=True))
    found = conditions(named)
    world = where_defined(given.define, given.domains, found)
    ranks = [c.relation.args[1] for c in found if c.needed_by == "rank"]
    world = replace(world, small=tuple(size for size in ranks if isinstance(size, Symbol)))
    return world, holding(replace(world, definitions=named), found, [])


def has_branches(expr: Any) -> bool:
    """Whether the sign of something chooses between formulas."""
    return bool(expr.has(Piecewise, Abs, Max, Min, sign))


def inequality(left: Any, right: Any, relation: Any, world: Formulas, written: str = "") -> Derivation:
    """The difference as a product, where it is one, and the inequality; a false one is refuted by a point."""

    def claim(there: Formulas, a: Any, b: Any) -> Holds:
        return Holds(there, relation(a, b, evaluate=False))

    lower, upper = (left, right) if relation in (Le, Lt) else (right, left)
    point = violating_point(lower, upper, relation in (Lt, Gt), world)
    if point is not None:
        return refuted(left, right, claim, world, point, FALSE_BOUND, written)
    sections, gap = [], upper - lower
    if upper != 0 and lower != 0 and not has_arrays(gap) and not has_branches(gap):
        product = factor(gap) if count_ops(gap) <= SMALL else gap
        if product != gap and (product.is_Mul or product.is_Pow):
            sections.append(Work("The difference", world).equal(gap, product, why=SIMPLIFY).section())
    together = Work("Together", world).claim(claim(world, left, right), BOUND, (), True)
    answer = Answer("bound", right, lambda value: claim(world, left, value), is_main=True)
    return Derivation("The inequality", (*sections, together.section()), (answer,))


def bracketed(left: Any, right: Any, world: Formulas) -> Derivation:
    """Two sides that differ in their brackets alone."""
    work = Work("The identity", world)
    work.equal(left, right, why=ASSOCIATIVE, result=True)
    answer = Answer("identity", right, lambda value: Equal(world, (left, value)), is_main=True)
    return Derivation("The identity", (work.section(),), (answer,))


def refuted(
    left: Any,
    right: Any,
    claim: Callable[..., Claim],
    world: Formulas,
    point: dict[Any, Any],
    why: Rule,
    written: str = "",
) -> Derivation:
    """A point at which the claim about the two sides fails, and that it does not hold there."""
    sized = {symbol: value for symbol, value in point.items() if not is_array(value) and symbol.is_integer}
    values = {symbol.xreplace(sized): value for symbol, value in point.items() if symbol not in sized}
    definitions = tuple((s.xreplace(sized), e.xreplace(sized)) for s, e in world.definitions)
    there = Formulas((*values.items(), *definitions))
    work = Work("A counterexample", there)
    for symbol, value in values.items():
        exact = not is_array(value) and not value.is_Rational
        work.define(symbol, value if exact else numerals(value), why=POINT)
    for side in (left, right):
        value, shown = numerals(at(side, world, point)), side.xreplace(sized)
        if shown not in values and shown.free_symbols:
            work.equal(shown, value, why=VALUE)
    what = "The identity" if why is FALSE else "The inequality"
    false = Work(f"{what} is false", there)
    sizes = " and ".join(
        f"{text(s)} = {value}" for s, value in sorted(sized.items(), key=str) if left.has(s) or right.has(s)
    )
    sheet = "the sheet" if is_as_written(left, right, written) else f"the sheet's {written}"
    who = f"for {sizes}, {sheet}" if sizes else sheet
    false.claim(Refuted(there, claim(there, *(s.xreplace(sized) for s in (left, right))), who), why, (who,))
    return Derivation(what, (work.section(), false.section()))


def is_as_written(left: Any, right: Any, written: str) -> bool:
    """Whether the sides are printed as the author wrote them, spaces and brackets aside: sqrt(x**2) is read as abs(x)."""
    sides = re.split(r"[<>=]=?", written.replace("==", "="))
    bare = [re.sub(r"[\s()]", "", side) for side in (*sides, text(left), text(right))]
    return not written or bare[: len(sides)] == bare[len(sides) :]


def forms(side: Any, definitions: Any) -> Forms:
    """The side step by step towards a form that can be compared: (expression, reason)."""
    listed: Forms = []
    plain = side
    for symbol, meaning in reversed(list(definitions)):
        plain = plain.xreplace({symbol: meaning})
    if plain != side:
        listed.append((plain, WRITTEN_OUT))
    defined = by_definition(plain)
    if defined != plain:
        listed.append((defined, DEFINITION))
    while True:
        found = next(((f, why, about) for f, why, about in rewritten(defined) if f != defined), None)
        if found is None:
            break
        listed.append(found)
        defined = found[0]
    collected = tidy(defined, distribute=True) if is_array(defined) or has_arrays(defined) else defined
    if collected != defined and sorted(text(collected)) != sorted(
        text(defined)
    ):  # the same in another order is no line
        listed.append((collected, TIDY))
    if not is_array(collected):
        short = shortest(collected)
        if short != collected:
            listed.append((short, SIMPLIFY))
    return listed or [(side, TIDY)]


def rewritten(expr: Any) -> Iterator[tuple[Any, Rule, tuple[Any, ...]]]:
    """What each law makes of an expression, with its rule and what the rule names."""
    yield split_exponentials(expr), EXPONENTIALS, ()
    yield without_inverses(expr), INVERSE, ()
    for law in LAWS:
        yield law.applied(expr), LAW_RULES[law.name], law.speaks_of(expr)


def to_one_form(*sides: Forms) -> None:
    """Goes on with both sides (numbers) until they are written alike, where that takes one step more: multiplied out, or over one
    denominator."""
    ends = [side[-1][0] for side in sides]
    if ends[0] == ends[1] or any(map(is_array, ends)):
        return
    for form in (expand, lambda e: cancel(together(e))):
        reached = [flattened(form, end) for end in ends]
        if reached[0] == reached[1]:
            for side, end, found in zip(sides, ends, reached, strict=True):
                if found != end:
                    side.append((found, MULTIPLIED if form is expand else SIMPLIFY))
            return


def up_to_one_form(left: Any, forms_left: Forms, right: Any, forms_right: Forms) -> tuple[Forms, Forms]:
    """Both ways as far as the first form that they have in common."""
    ways = [left, *[form[0] for form in forms_left]], [right, *[form[0] for form in forms_right]]
    met = [(i, ways[1].index(e)) for i, e in enumerate(ways[0]) if e in ways[1]]
    if not met:
        return forms_left, forms_right
    i, j = min(met, key=sum)
    return forms_left[:i] or [(left, TIDY)], forms_right[:j] or [(right, TIDY)]


def flattened(form: Callable[[Expr], Expr], expr: Expr) -> Expr:
    """A form of a number in which the scalars made of arrays are letters."""
    inside = {node: Dummy(real=True) for node in array_scalars(expr)}
    found: Expr = form(expr.xreplace(inside)).xreplace({dummy: node for node, dummy in inside.items()})
    return found


def without_inverses(expr: Any) -> Any:
    """M^-1 M and M M^-1 as the identity, and left out beside other factors."""
    if not getattr(expr, "args", ()) or expr.is_Symbol or isinstance(expr, arrays.Inv):
        return expr
    inner = [without_inverses(arg) for arg in expr.args]
    expr = expr if tuple(inner) == expr.args else expr.func(*inner)
    if not isinstance(expr, MatMul):
        return expr
    scalars, chain = [f for f in expr.args if not is_array(f)], [f for f in expr.args if is_array(f)]
    for k, f in enumerate(chain):
        if not isinstance(f, arrays.Inv):
            continue
        whole = list(f.array.args) if isinstance(f.array, MatMul) else [f.array]
        n = len(whole)
        before, after = chain[max(k - n, 0) : k], chain[k + 1 : k + 1 + n]
        if after == whole or before == whole:
            rest = [*chain[:k], *chain[k + 1 + n :]] if after == whole else [*chain[: k - n], *chain[k + 1 :]]
            return without_inverses(matmul(*scalars, *rest) if rest else matmul(*scalars, Identity(f.shape[0])))
    return expr


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
    if isinstance(expr, LogSoftmax):
        z = by_definition(expr.args[0])
        return by_definition(Map(Slot(0) - arrays.LogSumExp(z), z))
    if isinstance(expr, arrays.LogSumExp):
        return log(Total(Map(exp(Slot(0)), by_definition(expr.array))))
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
    inside = {node: Dummy(real=True, positive=sign_of(node) == 2 or None) for node in array_scalars(expr)}
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
