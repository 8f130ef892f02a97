"""Derivatives of scalar functions, one layer of rules a line: sum, product, quotient, chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sympy import Add, Expr, Function, Integer, Mul, Piecewise, Pow, Symbol, fraction, log

from derive.algebra.nodes import Factors, Partial, Quotient, Terms, is_array
from derive.algebra.notation import text
from derive.algebra.scalars import decided, scalar_derivative
from derive.algebra.shortest import shortest
from derive.derivation import Answer, Claim, Derivation, IsGradient, Reason, Rule, Section, Work, rule
from derive.topics import headings
from derive.topics.objective import Objective, opening
from derive.worlds import Formulas

SUM = rule("sum rule", "sum rule")
PRODUCT = rule("product rule of two", "product rule")
QUOTIENT = rule("quotient rule of two", "quotient rule")
CHAIN = rule("chain rule of a scalar", "chain rule")
POWER = rule("power rule", "power rule")
KNOWN = rule("known derivatives", "a derivative that is known")
SEVERAL = rule("several rules", "{0}, each where it applies")
BRANCHES = rule("derivative of branches", "branch by branch")
SIMPLIFY = rule("simplify", "simplify")


def is_scalar_problem(objective: Objective) -> bool:
    """Whether the function is one formula of scalars in what is asked for: nothing lies in between, and no array occurs."""
    parts = [objective.expr, *objective.leaves]
    return len(objective.moving) <= 1 and not any(map(_has_arrays, parts))


def _has_arrays(expr: Any) -> bool:
    return is_array(expr) or any(_has_arrays(arg) for arg in expr.args)


def scalar_derivation(objective: Objective) -> Derivation:
    """A section a variable; what the variable does not move keeps its name."""
    sections, answers = opening(objective), []
    for symbol in objective.leaves:
        section, value = variable_section(objective, symbol)
        sections.append(section)
        answers.append(Answer(symbol.name, value, derivative_claim(objective.smooth, objective.symbol, symbol)))
    return Derivation("The derivative", tuple(sections), tuple(answers))


def derivative_claim(world: Formulas, name: Any, symbol: Any) -> Callable[[Any], Claim]:
    """What an author's value for a derivative says."""
    return lambda value: IsGradient(world, name, symbol, (value,))


def times(*factors: Any) -> Any:
    """A product as it is written, without ones."""
    return Factors(*([f for f in factors if f != 1] or [Integer(1)]))


def cleaned(expr: Any) -> Any:
    """Ones taken out of products."""
    if not expr.args or not expr.has(Factors):
        return expr
    inner = [cleaned(arg) for arg in expr.args]
    return times(*inner) if isinstance(expr, Factors) else expr.func(*inner)


def variable_section(objective: Objective, symbol: Symbol) -> tuple[Section, Any]:
    """The derivative in one variable, one layer of rules a line."""
    name, function = objective.symbol, objective.expr
    work = Work(Reason(headings.DERIVATIVE_IN, (symbol,)), objective.smooth)
    current, first = one_rule(function, symbol)
    work.gradient(name, symbol, current, why=first)
    for _ in range(12):
        pending = list(current.atoms(Partial))
        if not pending:
            break
        steps = {p: one_rule(p.args[0], symbol) for p in pending}
        following = cleaned(current.xreplace({p: value for p, (value, _) in steps.items()}))
        reasons = list(dict.fromkeys(why for _, why in steps.values()))
        words = " and ".join(sorted(why.words for why in reasons))
        work.equal(
            current, following, why=SEVERAL if len(reasons) > 1 else reasons[0], about=(words,) * (len(reasons) > 1)
        )
        current = following
    value = shortest(current)
    if sorted(text(value)) != sorted(text(current)):  # the same in another order is no line
        work.equal(current, value, why=SIMPLIFY, result=True)
    elif work.steps:
        work.steps[-1] = replace(work.steps[-1], is_result=True)
    return work.section(), value


def one_rule(expr: Any, x: Symbol) -> tuple[Any, Rule]:
    """The derivative by one rule; the derivatives of what is inside are left to the next line."""
    if not expr.has(x):
        return Integer(0), KNOWN
    if expr == x:
        return Integer(1), KNOWN
    if isinstance(expr, Add):
        return Terms(*[inner(term, x) for term in expr.args if term.has(x)]), SUM
    if isinstance(expr, Mul) or (isinstance(expr, Pow) and expr.base != x and expr.exp.is_negative is True):
        return _of_product(expr, x)
    if isinstance(expr, Pow) and not expr.exp.has(x):
        n, u = expr.exp, expr.base
        slope = n * u ** (n - 1)
        return (slope, POWER) if u == x else (times(slope, inner(u, x)), CHAIN)
    if isinstance(expr, Pow) and not expr.base.has(x):
        return (
            (expr * log(expr.base), KNOWN)
            if expr.exp == x
            else (times(expr, log(expr.base), inner(expr.exp, x)), CHAIN)
        )
    if isinstance(expr, Piecewise):
        return scalar_derivative(expr, x), BRANCHES
    if isinstance(expr, Function) and len([a for a in expr.args if a.has(x)]) == 1:
        u = next(a for a in expr.args if a.has(x))
        place = Symbol("_place", real=True)
        slope = scalar_derivative(expr.func(*[place if a == u else a for a in expr.args]), place)
        slope = decided(slope.xreplace({place: u}))
        return (slope, KNOWN) if u == x else (times(slope, inner(u, x)), CHAIN)
    return scalar_derivative(expr, x), KNOWN


def inner(expr: Expr, x: Symbol) -> Any:
    """The derivative of a part, carried out where it is immediate."""
    coefficient, rest = expr.as_independent(x, as_Add=False)
    if rest == x:
        return coefficient
    part = one_rule(rest, x)[0] if _is_immediate(rest, x) else Partial(rest, x)
    return part if coefficient == 1 else times(coefficient, part)


def _is_immediate(expr: Expr, x: Symbol) -> bool:
    return not expr.has(x) or expr == x or (expr.is_Pow and expr.base == x and not expr.exp.has(x))


def _of_product(expr: Mul, x: Symbol) -> tuple[Any, Rule]:
    constant, rest = expr.as_independent(x, as_Add=False)
    top, bottom = fraction(rest, exact=True)
    if bottom.has(x) and bottom != 1:
        above = Terms(times(inner(top, x), bottom), times(Integer(-1), top, inner(bottom, x)))
        if not top.has(x):
            above = times(Integer(-1), top, inner(bottom, x))
        result: Any = Quotient(above, bottom**2)
        why = QUOTIENT
    elif isinstance(rest, Mul):
        factors = list(rest.args)
        terms = [times(inner(f, x), *[g for g in factors if g is not f]) for f in factors if f.has(x)]
        result, why = Terms(*terms), PRODUCT
    else:
        result, why = one_rule(rest, x)
    return (result if constant == 1 else times(constant, result)), why
