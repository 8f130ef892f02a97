"""`forward`: the forward equations of a network, layer by layer, then with the given numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra.entries import unrolled
from derive.algebra.nodes import is_array
from derive.algebra.numbers import as_matrix, numeral, numerals
from derive.algebra.values import value_of
from derive.derivation import Answer, Derivation, Equal, Section, Work, rule
from derive.topics.network import Net, network_of
from derive.topics.registry import questions
from derive.topics.saturation import DIGITS, FROM_LOGITS
from derive.topics.stack import is_stack, stack_of
from derive.topics.stack_answers import forward_derivation

AFFINE = rule("affine map", "weights times input, plus biases: {0} by {1} times {1} by one")
LINEAR = rule("linear map", "weights times input, without biases: {0} by {1} times {1} by one")
ACTIVATE = rule("activation", "the activation, entry by entry")
LINEAR_UNIT = rule("identity activation", "a linear layer: its output is its pre-activation")
SOFTMAX = rule("softmax output", "softmax makes probabilities: positive, and their sum is one")
LOSS = rule("loss of one example", "the loss compares prediction and target")
INSERT = rule("insert numbers", "insert the numbers")
COMPUTE = rule("compute", "compute")


@questions("forward")
@dataclass(frozen=True)
class Forward:
    """The forward equations z = W a + b, a = f(z) of every layer, and the loss; with numbers where they are given."""

    def derive(self, given: Any) -> Derivation:
        if is_stack(given):
            return forward_derivation(stack_of(given))
        net = network_of(given)
        sections = [symbolic(net)]
        answers = [_answer(net.world, symbol, expr) for symbol, expr in net.definitions]
        if net.has_numbers:
            section, values = numeric(net)
            sections.append(section)
            answers = [_answer(net.numeric_world, symbol, values.get(symbol, expr)) for symbol, expr in net.definitions]
        return Derivation("Forward pass", tuple(sections), tuple(answers))


def symbolic(net: Net) -> Section:
    """One equation for each pre-activation and each activation, and the loss."""
    work = Work("In symbols" if net.has_numbers else "", net.world)
    for unit in net.units:
        rows, columns = unit.W.shape
        work.equal(unit.z, unit.pre_activation, why=AFFINE if unit.b is not None else LINEAR, about=(rows, columns))
        why = {"identity": LINEAR_UNIT, "softmax": SOFTMAX}.get(unit.activation, ACTIVATE)
        work.equal(unit.a, unit.applied(unit.z), why=why, result=unit is net.units[-1])
    if net.given.loss is not None:
        work.equal(net.L, net.loss_of(net.y, net.y_hat), why=LOSS)
    return work.section()


def numeric(net: Net) -> tuple[Section, dict[Any, Any]]:
    """Each equation with its numbers; and the exact value of every quantity."""
    work, values = Work("With the numbers", net.numeric_world), forward_values(net)
    for symbol, expr in net.definitions:
        if symbol not in values:
            continue
        if symbol == net.L and net.saturates(values):
            saturated_loss(work, net.world, net.L, net.loss_from_logits, values)
            continue
        shown = numerals(values[symbol])
        work.equal(symbol, with_numbers(expr, values), why=INSERT)
        if with_numbers(expr, values) != shown:
            work.equal(with_numbers(expr, values), shown, why=COMPUTE, result=symbol in (net.y_hat, net.L))
    return work.section(), values


def saturated_loss(work: Work, world: Any, L: Any, expr: Any, values: dict[Any, Any]) -> None:
    """The loss from the logits, in symbols (in `world`, where no numbers are given) and with the numbers."""
    numeric_world, inserted = work.world, with_numbers(expr, values)
    work.world = world
    work.equal(L, expr, why=FROM_LOGITS)
    work.world = numeric_world
    work.equal(expr, inserted, why=INSERT)
    work.equal(inserted, numeral(values[L], DIGITS), why=COMPUTE, result=True)


def forward_values(net: Net) -> dict[Any, Any]:
    """The exact value of every quantity of the forward pass; the loss only where the target is given."""
    values = dict(net.values)
    for symbol, expr in net.definitions:
        if symbol == net.L and net.knows_target and net.saturates(values):
            values[symbol] = value_of(net.loss_from_logits, values)
        elif is_array(symbol) or net.knows_target:
            values[symbol] = value_of(expr, values)
    return values


def with_numbers(expr: Any, values: dict[Any, Any]) -> Any:
    """The expression with every known array replaced by its numerals."""
    known = {s: numerals(v) for s, v in values.items() if isinstance(s, MatrixSymbol) and expr.has(s)}
    return known.get(expr, unrolled(expr.xreplace(known)))


def _answer(world: Any, symbol: Any, value: Any) -> Answer:
    return Answer(str(symbol), value, lambda v: Equal(world, (symbol, like(symbol, v))))


def like(symbol: Any, value: Any) -> Any:
    """An author's numbers as an array, where the symbol is one; raises ValueError where the sizes differ."""
    if not is_array(symbol) or is_array(value) or not isinstance(value, tuple):
        return value
    matrix = as_matrix(value)
    if matrix.shape != symbol.shape:
        raise ValueError(
            f"{matrix.shape[0]} x {matrix.shape[1]} numbers where {symbol.shape[0]} x {symbol.shape[1]} are needed"
        )
    return matrix
