"""`parameters`: how many weights and biases a network or a layer has."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from sympy import Integer, Symbol

from derive.algebra.nodes import Factors, Numeral, Quotient, Terms, plain
from derive.derivation import Answer, Derivation, HasCount, Reason, Section, Work, rule
from derive.errors import GivenError
from derive.topics.network import Net, network_of
from derive.topics.planes import Plane, as_network, is_planar, plane_of
from derive.topics.registry import questions
from derive.topics.stack import is_stack, stack_of
from derive.topics.stack_answers import parameters_derivation
from derive.worlds import LayerRun, NetworkRun

DENSE = rule("weights and biases of a layer", "each unit has a weight for each input, and a bias")
DENSE_ONLY = rule("weights of a layer", "each unit has a weight for each input; there are no biases")
MULTIPLY = rule("multiply", "multiply")
ADD = rule("add the layers", "add up the layers")
TOGETHER = rule("weights and biases together", "weights and biases together")
SUM = rule("sum", "add")
FILTER = rule("weights of a filter", "each filter has a weight for each entry of its window")
GROUPED = rule("weights in groups", "a filter sees only the channels of its group")
FILTER_BIAS = rule("bias of a filter", "each filter has one bias")
NAMES = rule("names of counts", "{0} filters of height {1} and width {2} over {3} channels")
GROUPED_NAMES = rule(
    "names of counts in groups", "{0} filters of height {1} and width {2} over {3} channels, these in {4} groups"
)
ONLY_WEIGHTS = rule("no biases", "there are no biases")
OF_THESE_WEIGHTS = rule("weights alone", "of these, weights")
AND_BIASES = rule("biases alone", "and biases")
INSERT = rule("insert the counts", "insert the numbers")
NOTHING = rule("pooling has none", "pooling has nothing to learn")
ALIKE = rule("layers that are alike", "the layers {0} to {1} are alike")
MOST_SHOWN = 3  # layers in a row that are alike and counted one by one
N, N_W, N_B = Symbol("N"), Symbol("N_w"), Symbol("N_b")


@questions("parameters")
@dataclass(frozen=True)
class Parameters:
    """The number of parameters of the network, layer by layer, or of the one layer that is given; `layout` says whether
    the channels of that layer's input stand first or last."""

    layout: Literal["channels_first", "channels_last"] = "channels_first"

    def derive(self, given: Any) -> Derivation:
        if is_stack(given):
            return parameters_derivation(stack_of(given))
        if given.network is not None:
            return network_count(network_of(given))
        if given.layer is None:
            raise GivenError("a network or a layer is needed here", ("given",))
        if not is_planar(given.layer):
            return parameters_derivation(stack_of(as_network(given)))
        return layer_count(plane_of(given, self.layout))


def network_count(net: Net) -> Derivation:
    """Layer by layer, then the total; weights and biases apart. Of many layers that are alike in a row the first is counted."""
    groups = alike(net.units)
    observed: list[tuple[Any, tuple[Any, ...]]] = [(N, ("parameters",)), (N_W, ("weights",)), (N_B, ("biases",))]
    for group in groups:
        observed += [(_symbol(unit), ("parameters", unit.number - 1)) for unit in dict.fromkeys((group[0], group[-1]))]
    world = NetworkRun(net.given.network, None, tuple(observed))
    work = Work("Layer by layer", world)
    counts, weights, biases = [], 0, 0
    for group in groups:
        first, last = group[0], group[-1]
        rows, columns = map(int, first.W.shape)
        product = Factors(Numeral(columns), Numeral(rows))
        bias = [Numeral(rows)] if first.b is not None else []
        total = rows * columns + (rows if bias else 0)
        work.claim(HasCount(world, _symbol(first), (Terms(product, *bias),)), DENSE if bias else DENSE_ONLY)
        if bias:
            work.equal(Terms(product, *bias), Terms(Numeral(rows * columns), *bias), why=MULTIPLY)
            work.equal(Terms(Numeral(rows * columns), *bias), Integer(total), why=SUM, result=True)
        else:
            work.equal(Terms(product), Integer(total), why=MULTIPLY, result=True)
        if len(group) > 1:
            about = (Integer(first.number), Integer(last.number))
            work.claim(HasCount(world, _symbol(last), (_symbol(first),)), ALIKE, about)
        counts.append(total)
        weights += len(group) * rows * columns
        biases += len(group) * rows if bias else 0
    together = Work("Together", world)
    each = [(len(group), _symbol(group[0]), count) for group, count in zip(groups, counts, strict=True)]
    total = _total(together, N, each)
    together.claim(HasCount(world, N_W, (Integer(weights),)), OF_THESE_WEIGHTS)
    together.claim(HasCount(world, N_B, (Integer(biases),)), AND_BIASES)
    return Derivation(
        "Number of parameters", (work.section(), together.section()), _answers(world, total, weights, biases)
    )


def _symbol(unit: Any) -> Symbol:
    return Symbol(f"N_{unit.number}")


def alike(units: Any) -> list[list[Any]]:
    """Layers by themselves, and in one group where more than a few of the same sizes follow one another."""
    groups = [list(group) for _, group in groupby(units, key=lambda unit: (unit.W.shape, unit.b is None))]
    return [part for group in groups for part in ([group] if len(group) > MOST_SHOWN else [[unit] for unit in group])]


def _total(work: Work, symbol: Symbol, each: list[tuple[int, Symbol, int]]) -> int:
    """The sum over all groups of layers, each so many times."""
    total = sum(times * count for times, _, count in each)

    def summed(what: Any) -> Any:
        return Terms(*[what(s, n) if t == 1 else Factors(Numeral(t), what(s, n)) for t, s, n in each])

    if len(each) == 1 and each[0][0] == 1:
        work.claim(HasCount(work.world, symbol, (Integer(total),)), ADD, result=True)
        return total
    named, numbers = summed(lambda s, n: s), summed(lambda s, n: Numeral(n))
    work.claim(HasCount(work.world, symbol, (named,)), ADD)
    work.equal(named, numbers, why=INSERT)
    work.equal(numbers, Integer(total), why=SUM, result=True)
    return total


def _answers(world: Any, total: int, weights: int, biases: int) -> tuple[Answer, ...]:
    def answer(name: str, symbol: Symbol, value: int) -> Answer:
        return Answer(name, Integer(value), lambda v: HasCount(world, symbol, (v,)), symbol == N)

    return answer("parameters", N, total), answer("weights", N_W, weights), answer("biases", N_B, biases)


def layer_count(plane: Plane) -> Derivation:
    """The weights of every filter, and the biases."""
    layer = plane.layer
    F, C, K_H, K_W, G = (Symbol(n) for n in ("F", "C_in", "K_H", "K_W", "G"))
    known: dict[Symbol, int] = {}
    if plane.is_convolution:
        known = {F: layer.filters, C: plane.sizes[0], K_H: layer.kernel[0], K_W: layer.kernel[1], G: layer.groups}
    observed = [
        (N, ("parameters",)),
        (N_W, ("weights",)),
        (N_B, ("biases",)),
        *[(s, ("given", v)) for s, v in known.items()],
    ]
    world = LayerRun(layer, plane.sizes, None, tuple(observed))
    work = Work("", world)
    if not plane.is_convolution:
        work.claim(HasCount(world, N, (Integer(0),)), NOTHING, result=True)
        return Derivation("Number of parameters", (work.section(),), _answers(world, 0, 0, 0))

    def weights(values: Any) -> Any:
        channels = values(C) if layer.groups == 1 else Quotient(values(C), values(G))
        return Factors(values(F), channels, values(K_H), values(K_W))

    count = int(plain(weights(lambda s: Integer(known[s]))))
    biases = layer.filters if layer.bias else 0
    _count(
        work,
        N_W,
        weights(lambda s: s),
        weights(lambda s: Numeral(known[s])),
        count,
        FILTER if layer.groups == 1 else GROUPED,
    )
    if layer.bias:
        _count(work, N_B, F, Numeral(layer.filters), biases, FILTER_BIAS)
        both, numbers = Terms(N_W, N_B), Terms(Numeral(count), Numeral(biases))
        work.claim(HasCount(world, N, (both,)), TOGETHER)
        work.equal(both, numbers, why=INSERT)
        work.equal(numbers, Integer(count + biases), why=SUM, result=True)
    else:
        work.claim(HasCount(world, N, (N_W,)), ONLY_WEIGHTS)
        work.equal(N_W, Integer(count), why=INSERT, result=True)
    names = Reason(NAMES, (F, K_H, K_W, C)) if layer.groups == 1 else Reason(GROUPED_NAMES, (F, K_H, K_W, C, G))
    return Derivation(
        "Number of parameters",
        (Section("", tuple(work.steps), names),),
        _answers(world, count + biases, count, biases),
    )


def _count(work: Work, symbol: Symbol, formula: Any, inserted: Any, value: int, why: Any) -> None:
    work.claim(HasCount(work.world, symbol, (formula,)), why)
    work.equal(formula, inserted, why=INSERT)
    if inserted != Numeral(value):
        work.equal(inserted, Integer(value), why=MULTIPLY)
