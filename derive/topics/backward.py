"""`backward`: the gradients of a network's loss in every weight and bias, by the delta recursion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Integer, fraction, preorder_traversal

from derive.algebra.adjoints import adjoints
from derive.algebra.entries import merged, written_product
from derive.algebra.nodes import Gradient, Map, hadamard, plain
from derive.algebra.numbers import numerals
from derive.algebra.values import value_of
from derive.derivation import Answer, Derivation, IsGradient, Reason, Section, Work, rule
from derive.topics import headings
from derive.topics.forward import COMPUTE, INSERT, forward_values, like, with_numbers
from derive.topics.kinks import kinks_and_ties
from derive.topics.local import expanded_slope, local_sections, softmax_section
from derive.topics.network import Net, Unit, network_of
from derive.topics.registry import questions
from derive.topics.stack import is_stack, stack_of
from derive.topics.stack_answers import backward_derivation
from derive.topics.vanishing import vanishing_section

LOSS_SLOPE = rule("derivative of the loss", "differentiate the loss, entry by entry")
COMMON = rule("common denominator", "over a common denominator")
DELTA = rule("error of a layer", "chain rule through the activation, entry by entry")
SLOPE = rule("local derivative", "insert the activation's derivative")
CANCEL = rule("cancel", "the fractions cancel")
SOFTMAX_RULE = rule("softmax chain rule", "chain rule through softmax, whose outputs depend on all its inputs")
TARGET_SUM = rule("target sums to one", "insert the loss's derivative; the entries of the target sum to one")
INSERT_LOSS = rule("insert the loss's derivative", "insert the loss's derivative")
NAME = rule("name the error", "a name for the error of the layer")
FROM_ABOVE = rule("from above", "from above")
MULTIPLY_OUT = rule("multiply out", "multiply out")
INSERT_ABOVE = rule("insert from above", "insert what comes from above")
SAME = rule("linear unit passes on", "a linear unit passes the derivative on")
BACK = rule("back through the weights", "the layer above sends its error back through the transposed weights")
WEIGHT_GRADIENT = rule("weight gradient", "error times the layer's input, transposed: {0} by one times one by {1}")
ONE_INPUT = rule("weight gradient of one input", "error times the layer's input, which is a number")
BIAS_GRADIENT = rule("bias gradient", "a bias enters its pre-activation with factor one")


@questions("backward")
@dataclass(frozen=True)
class Backward:
    """The gradient of the loss in every W and b: local derivatives, the delta recursion, outer products; numbers last."""

    def derive(self, given: Any) -> Derivation:
        if is_stack(given):
            return backward_derivation(stack_of(given))
        net = network_of(given)
        _ = net.loss
        sections = [*local_sections(net)]
        if net.units[-1].activation == "softmax":
            sections.append(softmax_section())
        found = adjoints(net.definitions, net.L, {unit.z: unit.delta for unit in net.units})
        sections += [layer_section(net, unit, found) for unit in reversed(net.units)]
        answers = tuple(_answer(net.world, net, p, found[p]) for p in net.parameters)
        if net.knows_target:
            section, values = numeric_section(net, found)
            sections.append(section)
            answers = tuple(_answer(net.numeric_world, net, p, values[Gradient(net.L, p)]) for p in net.parameters)
            vanishing = vanishing_section(net, values)
            sections += [vanishing] if vanishing.steps else []
        return Derivation("Backward pass", tuple(sections), answers)


def layer_section(net: Net, unit: Unit, found: dict[Any, Any]) -> Section:
    """delta of one layer, and its weights' and biases' gradients."""
    last = unit is net.units[-1]
    work = Work(Reason(headings.OUTPUT_LAYER if last else headings.HIDDEN_LAYER, (Integer(unit.number),)), net.world)
    received = found[unit.a]
    if last:
        work.gradient(net.L, unit.a, received, why=LOSS_SLOPE)
        if merged(received) != received:
            work.equal(received, merged(received), why=COMMON)
            received = merged(received)
    else:
        work.gradient(net.L, unit.a, received, why=BACK)
    delta_steps(net, unit, received, work)
    rows, columns = unit.W.shape
    why, about = (ONE_INPUT, ()) if columns == 1 else (WEIGHT_GRADIENT, (rows, columns))
    work.gradient(net.L, unit.W, found[unit.W], why=why, about=about, result=True)
    if unit.b is not None:
        work.gradient(net.L, unit.b, found[unit.b], why=BIAS_GRADIENT, result=True)
    return work.section()


def delta_steps(net: Net, unit: Unit, received: Any, work: Work) -> None:
    """delta = dL/dz: named, through the activation, and simplified where the loss and the activation fit together."""
    upstream = Gradient(net.L, unit.a)
    work.gradient(net.L, unit.z, unit.delta, why=NAME)
    if unit.activation == "softmax":
        softmax_delta(net, unit, upstream, received, work)
        return
    if unit.activation == "identity":
        work.equal(unit.delta, upstream, why=SAME)
        work.equal(upstream, received, why=FROM_ABOVE)
        return
    work.equal(unit.delta, hadamard(upstream, unit.slope), why=DELTA)
    slope = expanded_slope(unit)
    with_slope = written_product(received, slope)
    why = INSERT_ABOVE if slope == unit.slope else SLOPE
    work.equal(hadamard(upstream, unit.slope), with_slope, why=why, result=unit is not net.units[-1])
    simple = merged(with_slope)
    if has_denominator(received) and shorter(simple, with_slope):
        work.equal(with_slope, simple, why=CANCEL, result=True)


def distributions(net: Net) -> frozenset[Any]:
    """The target, where it is one of a loss over classes: its entries are probabilities."""
    return frozenset({net.y}) if net.given.loss.on == "classes" else frozenset()


def softmax_delta(net: Net, unit: Unit, upstream: Any, received: Any, work: Work) -> None:
    """delta = y_hat o (g - (y_hat' g) 1), which for cross-entropy is y_hat - y."""
    from derive.algebra.adjoints import softmax_pull_back
    from derive.algebra.entries import cancelled_totals

    named = softmax_pull_back(unit.a, upstream)
    work.equal(unit.delta, named, why=SOFTMAX_RULE)
    whole = softmax_pull_back(unit.a, received)
    inserted = cancelled_totals(whole, distributions(net))
    work.equal(named, inserted, why=TARGET_SUM if inserted != cancelled_totals(whole) else INSERT_LOSS)
    simple = merged(inserted)
    if simple != inserted:
        work.equal(inserted, simple, why=MULTIPLY_OUT, result=True)


def numeric_section(net: Net, found: dict[Any, Any]) -> tuple[Section, dict[Any, Any]]:
    """delta and gradients with the numbers, from the last layer to the first."""
    work, values = Work("With the numbers", net.numeric_world), forward_values(net)
    kinks_and_ties(work, net.definitions, values)
    for unit in reversed(net.units):
        delta = numeric_delta(net, unit, found, values, work)
        values[unit.delta] = delta
        for parameter in (unit.W, unit.b):
            if parameter is None:
                continue
            gradient, expr = Gradient(net.L, parameter), found[parameter]
            values[gradient] = value_of(expr, values)
            work.gradient(net.L, parameter, with_numbers(expr, values), why=INSERT)
            if with_numbers(expr, values) != numerals(values[gradient]):
                work.equal(with_numbers(expr, values), numerals(values[gradient]), why=COMPUTE, result=True)
    return work.section(), values


def numeric_delta(net: Net, unit: Unit, found: dict[Any, Any], values: dict[Any, Any], work: Work) -> Any:
    """The numbers of delta, through the numbers of what is received and of the slope."""
    received = found[unit.a]
    if unit.activation in ("softmax", "identity") or unit is net.units[-1]:
        expr = simplest_delta(net, unit, received)
        value = value_of(expr, values)
        if unit is net.units[-1] and net.saturates(
            values
        ):  # the digits of y_hat would say nothing of its distance from y
            expr = expr.xreplace({unit.a: unit.applied(unit.z)})
        work.equal(unit.delta, with_numbers(expr, values), why=INSERT)
        if with_numbers(expr, values) != numerals(value):
            work.equal(with_numbers(expr, values), numerals(value), why=COMPUTE)
        return value
    slope = value_of(unit.slope, values)
    product = hadamard(with_numbers(received, values), numerals(slope))
    value = value_of(hadamard(received, unit.slope), values)
    work.equal(unit.delta, product, why=INSERT)
    work.equal(product, numerals(value), why=COMPUTE)
    return value


def simplest_delta(net: Net, unit: Unit, received: Any) -> Any:
    """delta of an output layer in its shortest form."""
    from derive.algebra.adjoints import softmax_pull_back
    from derive.algebra.entries import cancelled_totals

    if unit.activation == "softmax":
        return merged(cancelled_totals(softmax_pull_back(unit.a, received), distributions(net)))
    if unit.activation == "identity":
        return merged(received)
    return merged(written_product(merged(received), expanded_slope(unit)))


def _answer(world: Any, net: Net, parameter: Any, value: Any) -> Answer:
    return Answer(f"d{parameter.name}", value, lambda v: IsGradient(world, net.L, parameter, (like(parameter, v),)))


def has_denominator(array: Any) -> bool:
    """Whether there is a fraction that could cancel."""
    return isinstance(array, Map) and not fraction(plain(array.body))[1].is_number


def shorter(simple: Any, written: Any) -> bool:
    """Whether cancelling has left fewer operations than the written product has."""
    return bool(merged_size(simple) < merged_size(Map(plain(written.body), *written.arrays))) or (
        isinstance(written, Map) and merged_size(simple) + 2 < merged_size(written)
    )


def merged_size(array: Any) -> int:
    return sum(1 for _ in preorder_traversal(array.body)) if isinstance(array, Map) else 1
