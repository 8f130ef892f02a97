"""`growth`: whether one more layer or one more unit a layer adds more parameters, in general and with the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sympy import Integer, Lt, Symbol, expand

from derive.algebra.nodes import Factors, Numeral, Power, Terms, plain
from derive.derivation import Answer, Derivation, HasCount, Holds, Reason, Section, Work, rule
from derive.errors import GivenError
from derive.topics.network import network_of
from derive.topics.registry import questions
from derive.worlds import CountRun

D_I, D_O, D, K = (Symbol(name, integer=True, positive=True) for name in ("D_i", "D_o", "D", "K"))
LAYERS = rule("layers of a block", "into the block, between its {0} layers, and out of it")
BIASES = rule("biases of a block", "one bias for each unit")
MORE_LAYERS = rule("one layer more", "the count with one layer more, less the count without")
MORE_UNITS = rule("one unit more in each layer", "the count with one unit more in each layer, less the count without")
BY_TERMS = rule("term by term", "term by term; terms that stay as they are cancel")
SIMPLIFY = rule("what remains", "what remains")
FROM_ABOVE = rule("growth from above", "from above")
INSERT = rule("insert depth and width", "insert the numbers")
COMPUTE = rule("compute the growth", "compute")
NAMES = rule(
    "names of sizes and counts",
    "{0} inputs, {1} outputs, and {2} layers of {3} units between them; {4} counts the weights, {5} weights and biases",
)
EQUAL = rule("equal growth", "both add the same")
COMPARE = rule("compare the growth", "the larger one")
WHAT = ("weights", "parameters")


@questions("growth")
@dataclass(frozen=True)
class Growth:
    """How many weights (and parameters) one more layer, and one more unit in each layer, add to a block of equal layers."""

    def derive(self, given: Any) -> Derivation:
        block = block_of(given)
        general, numeric = block.world(None), block.world((block.depth, block.width))
        sections = [count_section(block, general)]
        values: dict[tuple[str, str], int] = {}
        for by in ("depth", "width"):
            sections.append(growth_section(block, general, by))
        work = Work("With the numbers", numeric)
        for what in block.kinds:
            for by in ("depth", "width"):
                values[what, by] = _number(work, block, what, by)
        for what in block.kinds:
            _compare(work, what, values[what, "depth"], values[what, "width"])
        sections.append(work.section())
        answers = tuple(_answer(numeric, what, by, value) for (what, by), value in values.items())
        return Derivation("Depth against width", tuple(sections), answers)


@dataclass(frozen=True)
class Block:
    """A block of `depth` layers of `width` units, with the sizes before it (its input last) and after it."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    depth: int
    width: int
    bias: bool

    @property
    def kinds(self) -> tuple[str, ...]:
        return WHAT if self.bias else WHAT[:1]

    def count(self, what: str, k: Any, d: Any) -> Any:
        """The number of weights or parameters, as a written sum over the layers."""
        before, after = [*self.before[:-1], D_I], [D_O, *self.after[1:]]
        terms = [Factors(Integer(a), b) if isinstance(a, int) else Factors(a, b) for a, b in pairwise(before)]
        terms += [Factors(D_I, d), Factors(k - 1, Power(d, Integer(2))), Factors(d, D_O)]
        terms += [Factors(a, Integer(b)) if isinstance(b, int) else Factors(a, b) for a, b in pairwise(after)]
        if what != "weights":
            terms += [*before[1:], Factors(k, d), *after]
        return Terms(*terms)

    def world(self, numbers: tuple[int, int] | None) -> CountRun:
        observed: list[tuple[Any, tuple[Any, ...]]] = [
            (D_I, ("size", "inputs")), (D_O, ("size", "outputs")), (D, ("size", "width")), (K, ("size", "depth")),
        ]  # fmt: skip
        for what in self.kinds:
            observed.append((count_symbol(what), ("count", what)))
            observed += [(growth_symbol(what, by), ("growth", what, by)) for by in ("depth", "width")]
        depth, width = numbers or (None, None)
        return CountRun(self.before, self.after, depth, width, self.bias, tuple(observed))


def count_symbol(what: str) -> Symbol:
    return Symbol("N_w" if what == "weights" else "N")


def growth_symbol(what: str, by: str) -> Symbol:
    return Symbol(f"Delta_{by}_{'w' if what == 'weights' else 'all'}")


def block_of(given: Any) -> Block:
    """The one repeated layer of a network, and what is around it."""
    _ = network_of(given)
    layers = given.network.layers
    repeated = [k for k, layer in enumerate(layers) if layer.repeat > 1]
    if len(repeated) != 1 or repeated[0] == len(layers) - 1:
        raise GivenError(
            "this question needs one repeated layer with a layer after it: {dense: 10, activation: relu, repeat: 10}, then {dense: 1}",
            ("given", "network", "layers"),
        )
    if len({layer.bias for layer in layers}) > 1:
        raise GivenError("all layers need biases here, or none", ("given", "network", "layers"))
    k = repeated[0]
    before = (given.network.input, *(layer.units for layer in layers[:k]))
    after = tuple(layer.units for layer in layers[k + 1 :])
    return Block(before, after, layers[k].repeat, layers[k].units, layers[k].bias)


def count_section(block: Block, world: CountRun) -> Section:
    """The general counts."""
    about = (D_I, D_O, K, D, count_symbol("weights"), count_symbol("parameters"))
    work = Work("In general", world, Reason(NAMES, about))
    for what in block.kinds:
        why = LAYERS if what == "weights" else BIASES
        work.claim(HasCount(world, count_symbol(what), (block.count(what, K, D),)), why, (K,), result=True)
    return work.section()


def counts(block: Block, what: str, by: str) -> tuple[Any, Any]:
    """The count with one more, and the count."""
    more = block.count(what, K + 1, D) if by == "depth" else block.count(what, K, Terms(D, Integer(1)))
    return more, block.count(what, K, D)


def difference(block: Block, what: str, by: str) -> Any:
    """The count with one more, less the count."""
    more, less = counts(block, what, by)
    return Terms(more, Factors(Integer(-1), less))


def by_terms(block: Block, what: str, by: str) -> Any:
    """The difference, term by term: in each term that changes it is one factor that does."""
    pairs = zip(*(c.args for c in counts(block, what, by)), strict=True)
    return Terms(*[Factors(*_changed(more, less)) for more, less in pairs if more != less])


def _changed(more: Any, less: Any) -> list[Any]:
    """The factors of a term, the one that changes as its difference."""
    return [a if a == b else Terms(a, Factors(Integer(-1), b)) for a, b in zip(more.args, less.args, strict=True)]


def simplified(block: Block, what: str, by: str) -> Any:
    """What one more adds: D^2 (+ D), or D_i + (K - 1)(2D + 1) + D_o (+ K)."""
    found = []
    for more, less in zip(*(c.args for c in counts(block, what, by)), strict=True):
        if more != less:
            values = [
                factor if a == b else _written(factor)
                for factor, a, b in zip(_changed(more, less), more.args, less.args, strict=True)
            ]
            found.append(Factors(*[value for value in values if value != 1]))
    return Terms(*found)


def _written(change: Any) -> Any:
    """A difference of two factors, multiplied out: 1, or 2D + 1."""
    terms = expand(plain(change)).as_ordered_terms()
    return Terms(*[Factors(*term.args) if term.is_Mul else term for term in terms])


def growth_section(block: Block, world: CountRun, by: str) -> Section:
    """One more, step by step."""
    work = Work("One layer more" if by == "depth" else "One unit more in each layer", world)
    for what in block.kinds:
        written = difference(block, what, by)
        work.claim(HasCount(world, growth_symbol(what, by), (written,)), MORE_LAYERS if by == "depth" else MORE_UNITS)
        work.equal(written, by_terms(block, what, by), why=BY_TERMS)
        work.equal(by_terms(block, what, by), simplified(block, what, by), why=SIMPLIFY, result=True)
    return work.section()


def _number(work: Work, block: Block, what: str, by: str) -> int:
    formula = simplified(block, what, by)
    known = {D: block.width, K: block.depth, D_I: block.before[-1], D_O: block.after[0]}
    inserted = formula.xreplace({s: Numeral(v) for s, v in known.items()})
    value = int(plain(inserted))
    work.claim(HasCount(work.world, growth_symbol(what, by), (formula,)), FROM_ABOVE)
    work.equal(formula, inserted, why=INSERT)
    work.equal(inserted, Integer(value), why=COMPUTE, result=True)
    return value


def _compare(work: Work, what: str, depth: int, width: int) -> None:
    by_depth, by_width = growth_symbol(what, "depth"), growth_symbol(what, "width")
    if depth != width:
        left, right = (by_depth, by_width) if depth < width else (by_width, by_depth)
        work.claim(Holds(work.world, Lt(left, right, evaluate=False)), COMPARE, result=True)
    else:
        work.equal(by_depth, by_width, why=EQUAL)


def _answer(world: CountRun, what: str, by: str, value: int) -> Answer:
    return Answer(f"{what}.{by}", Integer(value), lambda v: HasCount(world, growth_symbol(what, by), (v,)))
