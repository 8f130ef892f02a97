"""`jacobian`, `hessian` and `directional_derivative`, by differentials of each named quantity in turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sympy import Basic, Symbol
from sympy.matrices.expressions import ZeroMatrix

from derive.algebra import arrays
from derive.algebra.differentials import coefficient, differential, hessian
from derive.algebra.naming import by_names
from derive.algebra.nodes import gradient_symbol, is_array, matmul, transpose
from derive.algebra.tidy import tidy
from derive.derivation import Answer, Claim, Derivation, Equal, Reason, Section, Work, rule
from derive.errors import GivenError
from derive.problem.types import Formula, SymbolNames
from derive.topics import headings
from derive.topics.objective import Objective, gradient_section, opening
from derive.topics.registry import questions
from derive.worlds import Formulas

DIFFERENTIAL = rule("differential", "the differential")
COLLECTED = rule("differential collected", "in terms of the change of {0}")
READ_OFF = rule("read off the matrix", "what multiplies the change is the derivative")
READ_OFF_VEC = rule(
    "read off the matrix of vectors",
    "stacked column by column, factors on both sides of the change become a Kronecker product",
)
ALONG = rule("directional derivative", "the gradient and the direction, multiplied entry by entry and added up")


@questions("jacobian")
@dataclass(frozen=True)
class JacobianQuestion:
    """The Jacobian of the array `of` in the vector (or matrix) `wrt`; matrices are stacked column by column."""

    of: Formula
    wrt: SymbolNames

    def derive(self, given: Any) -> Derivation:
        if not is_array(self.of):
            raise GivenError("a jacobian is of an array; ask for the gradient of a number")
        sections: list[Section] = []
        answers = []
        for x in self.wrt:
            need_array(x)
            objective = Objective(given, self.of, (x,))
            section, matrix = differential_section(objective, x, objective.symbol, arrays.Jacobian(objective.symbol, x))
            sections += [*opening(objective), section]
            answers.append(Answer(x.name, matrix, jacobian_claim(objective, x)))
        return Derivation("The Jacobian", tuple(dict.fromkeys(sections)), tuple(answers))


def jacobian_claim(objective: Objective, x: Any) -> Callable[[Any], Claim]:
    """What an author's value for a Jacobian says."""
    return lambda value: Equal(objective.smooth, (arrays.Jacobian(objective.symbol, x), value))


@questions("hessian")
@dataclass(frozen=True)
class HessianQuestion:
    """The matrix of second derivatives of the number `of` in the vector (or matrix) `wrt`."""

    of: Formula
    wrt: SymbolNames

    def derive(self, given: Any) -> Derivation:
        if is_array(self.of):
            raise GivenError("a hessian is of one number")
        sections: list[Section] = []
        answers = []
        for x in self.wrt:
            need_array(x)
            objective = Objective(given, self.of, (x,))
            sections += [*opening(objective), gradient_section(objective, Reason(headings.GRADIENT_IN, (x,)))]
            section, matrix = hessian_section(objective, x)
            sections.append(section)
            answers.append(Answer(x.name, matrix, hessian_claim(objective, x)))
        return Derivation("The Hessian", tuple(sections), tuple(answers))


def hessian_claim(objective: Objective, x: Any) -> Callable[[Any], Claim]:
    """What an author's value for a Hessian says."""
    return lambda value: Equal(objective.smooth, (arrays.Hessian(objective.symbol, x), value))


def hessian_section(objective: Objective, x: Any) -> tuple[Section, Any]:
    """The differential of the gradient, and the matrix in it. Symmetric matrices are differentiated as any others."""
    if isinstance(x, arrays.Symmetric):
        value = hessian(objective.written_out(objective.expr), x)
        work = Work("Second derivatives", objective.smooth)
        work.equal(arrays.Hessian(objective.symbol, x), value, why=READ_OFF_VEC, result=True)
        return work.section(), value
    gradient = gradient_symbol(objective.symbol, x)
    return differential_section(objective, x, gradient, arrays.Hessian(objective.symbol, x), objective.gradients[x])


def need_array(x: Any) -> None:
    """Jacobians and Hessians are in arrays here; for scalars one asks for the gradient."""
    if not is_array(x) or not x.is_symbol:
        raise GivenError(f"'{x}' is no vector or matrix; for a scalar ask for the gradient")


def differential_section(
    objective: Objective, x: Any, of: Any, derivative: Any, value: Any = None
) -> tuple[Section, Any]:
    """The differential of each named quantity that moves, one line each; last the matrix that multiplies dx."""
    dx = arrays.SmallChange(f"d{x.name}", *x.shape)
    changes: dict[Any, Any] = {x: dx}
    known: list[tuple[Any, Any]] = []
    world = objective.smooth
    work = Work("Differentials", world)
    last = objective.symbol if value is None else None
    steps = [(s, e) for s, e in objective.moving if s != last]
    expr = dict(objective.named)[objective.symbol] if value is None else value
    needed = free_in(steps, expr)
    for symbol, meaning in [pair for pair in steps if pair[0] in needed]:
        raw = objective.neat(differential(meaning, changes))
        ds = _change_symbol(symbol)
        world = _with(world, ds, symbol, x, dx)
        work.world = world
        work.equal(ds, raw, why=DIFFERENTIAL)
        known.append((ds, raw))
        changes[symbol] = ds
    raw = by_names(differential(expr, changes), objective.callable)
    full = raw
    for ds, change in reversed(known):
        full = full.xreplace({ds: change})
    full = objective.neat(full)
    left = arrays.Change(of, x, dx)
    work.equal(left, *dict.fromkeys([tidy(raw), full]), why=COLLECTED, about=(x,))
    matrix = objective.neat(coefficient(full, dx))
    final = objective.written_out(matrix)
    why = READ_OFF if x.shape[1] == 1 else READ_OFF_VEC
    work.equal(derivative, *dict.fromkeys([matrix, final]), why=why, result=True)
    return Section("Differentials", tuple(work.steps), None), final


def free_in(steps: list[tuple[Any, Any]], expr: Any) -> set[Any]:
    """The names that an expression uses, directly or through others."""
    needed = set(expr.free_symbols)
    for symbol, meaning in reversed(steps):
        if symbol in needed:
            needed |= meaning.free_symbols
    return needed


def _change_symbol(symbol: Any) -> Any:
    name = f"d{symbol.name}"
    return arrays.SmallChange(name, *symbol.shape) if is_array(symbol) else Symbol(name, real=True)


def _with(world: Formulas, ds: Any, symbol: Any, x: Any, dx: Any) -> Formulas:
    """The world that knows the change of a quantity as torch finds it."""
    node = arrays.Change if is_array(symbol) else arrays.ScalarChange
    return replace(world, definitions=(*world.definitions, (ds, node(symbol, x, dx))))


@questions("directional_derivative")
@dataclass(frozen=True)
class DirectionalDerivative:
    """The derivative of the number `of` in `wrt` along the direction `along`, an array of the same shape."""

    of: Formula
    wrt: SymbolNames
    along: Formula

    def derive(self, given: Any) -> Derivation:
        (x,) = self.wrt if len(self.wrt) == 1 else (None,)
        if x is None or not is_array(x):
            raise GivenError("a directional derivative is in one vector or matrix")
        if is_array(self.of) or not is_array(self.along) or self.along.shape != x.shape:
            raise GivenError(f"'of' is one number and 'along' an array of the shape of {x}")
        objective = Objective(given, self.of, (x,))
        gradient = objective.written_out(objective.gradients[x])
        value = paired(gradient, self.along)
        work = Work("Along the direction", objective.smooth)
        left = arrays.ScalarChange(objective.symbol, x, self.along)
        work.equal(left, paired(gradient_symbol(objective.symbol, x), self.along), value, why=ALONG, result=True)
        sections = (*opening(objective), gradient_section(objective, "Gradient"), work.section())
        answer = Answer("derivative", value, lambda v: Equal(objective.smooth, (left, v)), is_main=True)
        return Derivation("The directional derivative", sections, (answer,))


def paired(gradient: Any, direction: Any) -> Any:
    """g' v, or tr(G' V)."""
    if isinstance(gradient, ZeroMatrix):
        return tidy(arrays.TraceOf(matmul(transpose(gradient), direction)))
    inner = matmul(transpose(gradient), direction)
    node = arrays.Scalar if gradient.shape[1] == 1 else arrays.TraceOf
    found: Any = node(inner)
    return found if gradient.is_symbol or not isinstance(gradient, Basic) or not gradient.args else tidy(found)
