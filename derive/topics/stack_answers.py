"""The questions about any stack: shapes, forward, backward, counts, operations, receptive fields, updates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from math import prod
from typing import Any

from sympy import Integer, Symbol

from derive.algebra import values_arrays  # noqa: F401  registers values
from derive.algebra.nodes import Factors, Gradient, Numeral, Terms, is_array
from derive.algebra.notation import text
from derive.algebra.numbers import as_matrix, numeral, numerals
from derive.algebra.values import value_of
from derive.derivation import (
    Answer,
    Claim,
    Derivation,
    Equal,
    HasCount,
    HasShape,
    Heading,
    IsGradient,
    Reason,
    Section,
    Work,
    rule,
)
from derive.topics import headings
from derive.topics.kinks import kinks_and_ties
from derive.topics.layer_equations import equation_rule
from derive.topics.objective import Objective, chain_of, reason_for
from derive.topics.registry import questions
from derive.topics.saturation import DIGITS, FROM_LOGITS
from derive.topics.stack import BAR, Place, Stack, in_columns, stack_of

INPUT = rule("input of a stack", "what goes in{0}")
LAYER = rule("output of a layer", "{0}")
ARRAY = rule("learned array", "learned")
PAGE = rule(
    "an image on the page",
    "with a bar: the matrix of one image, a row for each place and a column for each channel; or of filters, each a column, "
    "channel after channel",
)
LOSS = rule("loss of a batch", "the loss, over the examples")
PART = rule("name of a part", "a name for the way back")
INSERT = rule("insert numbers into a layer", "insert the numbers")
COMPUTE = rule("compute a layer", "compute")
COUNT = rule("count of a layer", "weights, then biases, from their sizes")
NOTHING = rule("nothing to learn", "nothing to learn here")
TOTAL = rule("total of the layers", "the layers together")
OF_THESE_WEIGHTS = rule("weights of all layers", "of these, weights")
AND_BIASES = rule("biases of all layers", "and biases")
OPERATIONS = rule("operations of a layer", "{0}")
NO_OPERATIONS = rule("no products", "no products with weights or gains here, nor of matrices")
COUNTED = rule(
    "what is counted as a multiplication",
    "counted are products with weights and gains, and products of matrices; not what happens entry by entry without a learned number: "
    "gates, dividing by a deviation or a size, and what an activation computes inside",
)
MOST_SHOWN = 3  # repetitions of a layer that are counted one by one
LONGEST = 110  # signs of a derivative that is shown without the derivatives of other quantities
GRADIENT_VALUE = rule("gradient with numbers", "with the numbers")


def mark_of(place: Place) -> Reason:
    """How a layer is called in headings: 'Layer 2, dense'."""
    return Reason(headings.ONE_LAYER, (Integer(place.number), place.mark, kind_of(place)))


def kind_of(place: Place) -> str:
    """What a layer is, in words: an activation by its function."""
    kind = getattr(place.layer, "activation", None) if place.layer.name == "activate" else None
    return (place.layer.name if kind is None else f"activation {kind.name}").replace("_", " ")


def shapes_derivation(stack: Stack) -> Derivation:
    """Every array with its dimensions, in order."""
    observed: list[tuple[Any, tuple[Any, ...]]] = []
    rows: list[tuple[Any, tuple[Any, ...], Reason, Any, tuple[Any, ...]]] = []
    aliases: dict[str, Any] = {}  # outputs by the numbers of their layers
    batch, single = stack.batch, len(stack.shape) != 1
    note = "" if single else (f", an example in each of the {batch} rows" if stack.row else ", one example in a column")

    def on_page(shape: tuple[int, ...]) -> tuple[Any, ...]:
        if len(shape) != 1:
            return shape
        if not stack.row:
            return (*shape, 1)
        return (1, *shape) if single else (batch, *shape)

    if len(stack.shape) == 2 and not stack.row:
        for t, symbol in enumerate(stack.steps):
            observed.append((symbol, ("step", t)))
            named = Reason(headings.STEP_INPUT, (Integer(t + 1),))
            rows.append((symbol, symbol.shape, named, INPUT, (", one column a step",)))
    else:
        x = Symbol("X") if stack.is_image else stack.x
        observed.append((x, ("input",)))
        size = stack.shape if stack.is_image else stack.x.shape
        rows.append((x, size, Reason(headings.NETWORK_INPUT), INPUT, (note,)))
    if isinstance(batch, Symbol):
        observed.append((batch, ("batch",)))
    outputs = {place.path: step.output for place, step in stack.run} if stack.has_equations else {}
    for k, place in enumerate(stack.places, 1):
        for inner in stack.everywhere([place]):
            for weight in inner.layer.weights(inner.shape, stack.row):
                symbol, filters = stack.symbol_of(inner, weight), len(weight.shape) > 2
                symbol = tensor_of(symbol) if filters else symbol  # here as torch keeps them
                observed.append((symbol, ("whole" if filters else "weight", inner.path, weight)))
                kind = "filters" if filters else "biases" if weight.is_bias else "weights"
                rows.append((symbol, weight.shape if filters else symbol.shape, part_of(kind, inner), ARRAY, ()))
        is_last = place.number not in [after.number for after in stack.places[k:]]
        symbol = outputs.get(place.path, Symbol(f"{'A' if is_last else 'Z'}{place.number}{place.mark}"))
        is_tensor = len(place.out) == 3 or place.path not in outputs
        symbol = tensor_of(symbol) if len(place.out) == 3 else symbol
        size = on_page(place.out) if is_tensor else symbol.shape
        last = (symbol, size, part_of("output", place), LAYER, (place.layer.in_words,))
        if symbol not in dict(observed):  # a layer may pass on what it is given
            observed.append((symbol, ("output", place.path)))
            rows.append(last)
        aliases[f"A_{k}.shape"] = last
    world = replace(stack.counting(observed), batch=int(batch) if batch.is_Integer else None)
    work = Work("", world)
    for symbol, size, words, why, about in rows:
        work.claim(HasShape(world, symbol, tuple(size), words), why, about)
    answers = [shape_answer(f"{row[0].name}.shape", world, row) for row in rows]
    answers += [shape_answer(name, world, row) for name, row in aliases.items()]
    answers.append(replace(shape_answer("shape", world, last), is_main=True))
    return Derivation("Dimensions", (work.section(),), tuple(answers))


def part_of(what: str, place: Place) -> Reason:
    """What an array is, by its layer: 'weights of layer 2, dense'."""
    return Reason(headings.PART_OF_KIND, (what, Integer(place.number), place.mark, kind_of(place)))


def tensor_of(symbol: Any) -> Symbol:
    """The name of a tensor whose matrix has a bar."""
    return Symbol(symbol.name.removesuffix(BAR))


def shape_answer(name: str, world: Any, row: tuple[Any, ...]) -> Answer:
    symbol, size, words, *_ = row
    return Answer(name, tuple(size), lambda value: HasShape(world, symbol, tuple(value), words))


def forward_derivation(stack: Stack) -> Derivation:
    """The equations of each layer; with numbers where they are given."""
    sections: list[Section] = []
    _ = stack.run  # so that the layers inside of blocks have told theirs
    owners = {symbol: place.layer for place, step in stack.inner for symbol, _ in step.made}
    weights, masks = set(stack.parameters), {symbol for symbol, tag in stack.world.observed if tag[0] == "mask"}
    observed = dict(stack.world.observed)
    for place, step in stack.run:
        on_page = Reason(PAGE, ()) if stack.is_image and not sections else None
        work = Work(mark_of(place), stack.world, on_page)
        for symbol, expr in step.made:
            why, about = equation_rule(expr, weights, masks, owners.get(symbol, place.layer))
            if symbol in observed:
                work.equal(symbol, expr, why=why, about=about, result=symbol == step.output)
            else:  # a name for what torch has no name for
                work.define(symbol, expr, why=why, about=about)
        if work.steps:
            sections.append(work.section())
    if stack.given.loss is not None:
        sections.append(Work("Loss", stack.world).equal(stack.L, stack.definitions[-1][1], why=LOSS).section())
    answers = [quantity_answer(stack.world, symbol, expr) for symbol, expr in stack.definitions]
    if stack.has_numbers:
        section, values = numeric_section(stack)
        sections.append(section)
        answers = [
            quantity_answer(stack.numeric_world, symbol, values.get(symbol, expr)) for symbol, expr in stack.definitions
        ]
    return Derivation("Forward pass", tuple(sections), tuple(answers))


def quantity_answer(world: Any, symbol: Any, value: Any) -> Answer:
    """An answer for a quantity of the forward pass; an author's list of numbers is an array."""

    def claim(given: Any) -> Claim:
        return Equal(world, (symbol, as_matrix(given) if isinstance(given, tuple) else given))

    return Answer(str(symbol), value, claim)


def stack_values(stack: Stack) -> dict[Any, Any]:
    """The exact value of every quantity of the forward pass."""
    values = dict(stack.values)
    for symbol, expr in stack.definitions:
        if is_array(symbol) or stack.y in values or symbol != stack.L:
            saturated = symbol == stack.L and stack.saturates(values)
            values[symbol] = value_of(stack.loss_from_logits if saturated else expr, values)
    return values


def numeric_section(stack: Stack) -> tuple[Section, dict[Any, Any]]:
    """Each equation with its numbers."""
    work, values = Work("With the numbers", stack.numeric_world), stack_values(stack)
    for symbol, expr in stack.definitions:
        if symbol not in values:
            continue
        if symbol == stack.L and stack.saturates(values):
            saturated_loss(work, stack, values)
            continue
        inserted, shown = put_in(expr, values), numerals(values[symbol])
        work.equal(symbol, inserted, why=INSERT)
        if inserted != shown:
            work.equal(inserted, shown, why=COMPUTE, result=symbol in (stack.output, stack.L))
    return work.section(), values


def saturated_loss(work: Work, stack: Stack, values: dict[Any, Any]) -> None:
    """The loss from the logits, in symbols and with the numbers."""
    expr, numeric_world = stack.loss_from_logits, work.world
    inserted = put_in(expr, values)
    work.world = stack.world
    work.equal(stack.L, expr, why=FROM_LOGITS)
    work.world = numeric_world
    work.equal(expr, inserted, why=INSERT)
    work.equal(inserted, numeral(values[stack.L], DIGITS), why=COMPUTE, result=True)


def put_in(expr: Any, values: dict[Any, Any]) -> Any:
    """The expression with the numbers of its symbols."""
    known = {s: numerals(v) for s, v in values.items() if expr.has(s)}
    return known.get(expr, expr.xreplace(known))


# backward


def objective_of(stack: Stack) -> Objective:
    """The loss as an objective in every weight, over the forward equations."""
    _ = stack.loss
    given = replace(
        stack.given,
        define=stack.definitions,
        symbols={s.name: s for s, _ in stack.definitions},
        domains=tuple((parameter, "small") for parameter in stack.parameters),  # so that nothing saturates
    )
    return Objective(given, stack.L, stack.parameters)


def backward_derivation(stack: Stack) -> Derivation:
    """The derivative of every quantity, from the loss backwards, by the calculus engine; layer by layer."""
    objective = objective_of(stack)
    sections = [*names_section(objective), *backward_sections(stack, objective)]
    world = stack.world
    values: dict[Any, Any] = {}
    if stack.has_numbers and stack.y in stack.values:
        section, values = numeric_gradients(stack, objective)
        sections.append(section)
        world = stack.numeric_world
    answers = []
    for parameter in stack.parameters:
        value = values.get(parameter, objective.gradients[parameter])
        answers.append(Answer(f"d{parameter.name.removesuffix(BAR)}", value, gradient_claim(world, stack, parameter)))
    return Derivation("Backward pass", tuple(sections), tuple(answers))


def gradient_claim(world: Any, stack: Stack, parameter: Any) -> Callable[[Any], Claim]:
    """What an author's value for a gradient says."""

    def claim(value: Any) -> Claim:
        shape = next(weight.shape for _, weight, symbol in stack.weights() if symbol == parameter)
        matrix = as_matrix(in_columns(value, shape)) if isinstance(value, tuple) else value
        return IsGradient(world, stack.L, parameter, (matrix,))

    return claim


def names_section(objective: Objective) -> list[Section]:
    """The names that parts of the forward equations are given for the way back."""
    work = Work("Names for parts of the forward pass", objective.world)
    for symbol, expr in objective.made:
        work.define(symbol, expr, why=PART)
    return [work.section()] if work.steps else []


def backward_sections(stack: Stack, objective: Objective) -> list[Section]:
    """The loss and the layers, the last first; gradients of weights are checked in torch's own network."""
    owners: dict[Any, Heading] = {}
    for place, step in stack.run:
        for symbol, _ in step.made:
            owners[symbol] = mark_of(place)
    for place, _, symbol in stack.weights():
        owners[symbol] = mark_of(stack.places[int(place.path.split(".")[0])])
    for symbol, _ in objective.made:
        user = next((s for s, expr in objective.moving if expr.has(symbol)), None)
        owners[symbol] = owners.get(user, "Loss")
    order = [*[s for s, _ in reversed(objective.moving[:-1])], *objective.leaves]
    sections: dict[Heading, Work] = {"Loss": Work("Loss", objective.world)}
    for place, _ in reversed(stack.run):
        sections[mark_of(place)] = Work(mark_of(place), objective.world)
    held = stack.in_graph
    in_torch = replace(stack.world, definitions=tuple((s, e) for s, e in objective.named if s not in held))
    for symbol in order:
        work = sections[owners.get(symbol, "Loss")]
        why, about = reason_for(objective, symbol)
        raw, value = objective.received.get(symbol), objective.gradients[symbol]
        sides = [value] if raw is None else chain_of(objective, raw, value)
        is_weight = symbol in objective.leaves
        if raw is not None and is_long(value):  # by the derivatives of the quantities above
            sides = [objective.short(raw)]
        work.world = in_torch if is_weight else objective.world
        if is_weight and any(_inside(side, stack) for side in sides):
            sides = sides[-1:]
        if is_weight and _inside(sides[-1], stack):
            work.world = objective.world
        work.gradient(stack.L, symbol, *sides, why=why, about=about, result=is_weight)
    return [work.section() for work in sections.values() if work.steps]


def is_long(expr: Any) -> bool:
    """Whether an expression takes more than a line. What has many more nodes than a line has signs is not printed to find out: a
    quantity that stands in many places can make that take very long."""
    todo, nodes = [expr], 0
    while todo and nodes <= 4 * LONGEST:
        nodes += 1
        todo += todo.pop().args
    return nodes > 4 * LONGEST or len(text(expr)) > LONGEST


def _inside(side: Any, stack: Stack) -> bool:
    """Whether a side speaks of the derivative of a quantity that torch's own network does not hold."""
    held = stack.in_graph
    nodes = side.atoms(Gradient) if hasattr(side, "atoms") else set()
    return any(node.args[1] not in held for node in nodes)


def numeric_gradients(stack: Stack, objective: Objective) -> tuple[Section, dict[Any, Any]]:
    """Every gradient with its numbers, checked against torch's own network."""
    known = stack_values(stack)
    work = Work("With the numbers", stack.numeric_world)
    kinks_and_ties(work, stack.definitions, known)
    for symbol in [s for s, _ in reversed(objective.moving[:-1])]:
        known[Gradient(stack.L, symbol)] = value_of(objective.gradients[symbol], known)
    values = {}
    for parameter in stack.parameters:
        values[parameter] = value_of(objective.gradients[parameter], known)
        shown = numerals(values[parameter])
        work.gradient(stack.L, parameter, shown, why=GRADIENT_VALUE, result=True)
    return work.section(), values


# counts


def parameters_derivation(stack: Stack) -> Derivation:
    """Layer by layer, weights and biases apart, and the total."""
    total, symbols = Symbol("N"), []
    observed: list[tuple[Any, tuple[Any, ...]]] = [
        (total, ("count", "", "parameters")), (Symbol("N_w"), ("count", "", "weights")), (Symbol("N_b"), ("count", "", "biases")),
    ]  # fmt: skip
    counted = counts_of(stack)
    for path, symbol in count_symbols("N", (place for place, _, _ in counted)).items():
        symbols.append(symbol)
        observed.append((symbol, ("count", path, "parameters")))
    world = stack.counting(observed)
    sections, numbers, weights, biases = [], [], 0, 0
    for symbol, (place, times, arrays) in zip(symbols, counted, strict=True):
        work = Work(heading_of(place, times), world)
        number = sum(w.count for w in arrays)
        numbers.append((times, number))
        weights += times * sum(w.count for w in arrays if not w.is_bias)
        biases += times * sum(w.count for w in arrays if w.is_bias)
        if not arrays:
            work.claim(HasCount(world, symbol, (Integer(0),)), NOTHING)
        else:
            written = Terms(*[_product(w.shape) for w in arrays])
            sides = (Integer(number),) if plain_equal(written, number) else (written, Integer(number))
            work.claim(HasCount(world, symbol, sides), COUNT, result=True)
        sections.append(work.section())
    last = Work("Together", world)
    last.claim(HasCount(world, total, summed(numbers)), TOTAL, result=True)
    last.claim(HasCount(world, Symbol("N_w"), (Integer(weights),)), OF_THESE_WEIGHTS)
    last.claim(HasCount(world, Symbol("N_b"), (Integer(biases),)), AND_BIASES)
    answers = [
        count_answer(name, world, Symbol(letter), value, name == "parameters")
        for name, letter, value in (
            ("parameters", "N", weights + biases),
            ("weights", "N_w", weights),
            ("biases", "N_b", biases),
        )
    ]
    return Derivation("Number of parameters", (*sections, last.section()), tuple(answers))


def count_symbols(letter: str, places: Iterable[Place]) -> dict[str, Symbol]:
    """A count of each layer by its path: N_2 in layer 2, N_2_a in its first part, N_2_relu of the activation that it ends in."""
    found: dict[str, Symbol] = {}
    for place in places:
        symbol = Symbol("_".join(filter(None, (letter, str(place.number), place.mark))))
        if symbol in found.values():
            symbol = Symbol(f"{symbol.name}_{getattr(place.layer, 'activation', place.layer).name.replace('_', '')}")
        found[place.path] = symbol
    return found


def summed(numbers: list[tuple[int, int]]) -> tuple[Any, ...]:
    """The numbers, each so many times, as a sum and their sum; of one number, that alone."""
    total = Integer(sum(times * number for times, number in numbers))
    terms = [Numeral(number) if times == 1 else Factors(Numeral(times), Numeral(number)) for times, number in numbers]
    return (Terms(*terms), total) if len(terms) > 1 or numbers[0][0] > 1 else (total,)


def plain_equal(written: Any, number: int) -> bool:
    """Whether the written sum is the number itself."""
    return isinstance(written, Numeral) and written.value == number


def alike(places: Iterable[Place]) -> list[tuple[Place, int]]:
    """The layers that are looked at, and how many there are of each: many repetitions in a row are looked at once."""
    parts = [list(group) for _, group in groupby(places, key=lambda place: place.number)]
    found = []
    for _, same in groupby(parts, key=lambda part: [(place.layer, place.shape) for place in part]):
        listed = list(same)
        times = len(listed) if len(listed) > MOST_SHOWN else 1
        found += [(place, times) for part in (listed[:1] if times > 1 else listed) for place in part]
    return found


def heading_of(place: Place, times: int) -> Reason:
    """'Layer 2, dense', or 'Each of layers 2 to 9, dense'."""
    if times == 1:
        return mark_of(place)
    return Reason(headings.ALIKE_LAYERS, (Integer(place.number), Integer(place.number + times - 1), kind_of(place)))


def counts_of(stack: Stack) -> list[tuple[Place, int, list[Any]]]:
    """The learned arrays of every layer, those inside of blocks too, and how often the layer is repeated."""
    return [(place, times, inner_weights(place.layer, place.shape, stack.row)) for place, times in alike(stack.places)]


def inner_weights(layer: Any, shape: tuple[int, ...], row: bool) -> list[Any]:
    """The arrays of a layer, of a block's layers in turn."""
    if hasattr(layer, "branches"):
        return [w for branch in layer.branches for w in inner_weights(branch, shape, row)]
    if hasattr(layer, "inner"):
        found = []
        for part in layer.inner(shape):
            found += inner_weights(part, shape, row)
            shape = part.out(shape)
        return found
    return list(layer.weights(shape, row))


def _product(sizes: tuple[int, ...]) -> Any:
    kept = [s for s in sizes if s != 1] or [1]
    return Factors(*map(Numeral, kept))


def count_answer(name: str, world: Any, symbol: Symbol, value: int, main: bool) -> Answer:
    return Answer(name, Integer(value), lambda v: HasCount(world, symbol, (v,)), main)


def inner_operations(layer: Any, shape: tuple[int, ...]) -> list[tuple[Any, str]]:
    """The products of a layer, of a block's layers in turn."""
    if hasattr(layer, "branches"):
        return [o for branch in layer.branches for o in inner_operations(branch, shape)]
    if hasattr(layer, "inner"):
        found = []
        for part in layer.inner(shape):
            found += inner_operations(part, shape)
            shape = part.out(shape)
        return found
    return list(layer.operations(shape))


@questions("flops", "operations")
@dataclass(frozen=True)
class Flops:
    """The multiplications of the forward pass of one example, layer by layer; each goes with an addition."""

    def derive(self, given: Any) -> Derivation:
        stack = stack_of(given)
        observed: list[tuple[Any, tuple[Any, ...]]] = [(Symbol("M"), ("operations", ""))]
        counted = alike(stack.places)
        symbols = list(count_symbols("M", (place for place, _ in counted)).values())
        observed += [(s, ("operations", place.path)) for s, (place, _) in zip(symbols, counted, strict=True)]
        world = stack.counting(observed)
        sections, numbers = [], []
        for symbol, (place, times) in zip(symbols, counted, strict=True):
            work = Work(heading_of(place, times), world)
            products = inner_operations(place.layer, place.shape)
            number = sum(prod(sizes) for sizes, _ in products)
            numbers.append((times, number))
            if not products:
                work.claim(HasCount(world, symbol, (Integer(0),)), NO_OPERATIONS)
            else:
                written = Terms(*[_product(sizes) for sizes, _ in products])
                words = "; then ".join(dict.fromkeys(word for _, word in products))
                work.claim(HasCount(world, symbol, (written, Integer(number))), OPERATIONS, (words,), True)
            sections.append(work.section())
        last = Work("Together", world)
        last.claim(HasCount(world, Symbol("M"), summed(numbers)), TOTAL, result=True)
        answer = count_answer("flops", world, Symbol("M"), int(summed(numbers)[-1]), True)
        sections[0] = replace(sections[0], remark=Reason(COUNTED))
        return Derivation("Multiplications of the forward pass", (*sections, last.section()), (answer,))
