"""Headings, and the words beside sizes, are statements: the numbers and names in them are values that are compared with the
steps that stand below, with what torch's run calls their quantities, and with the layers in the author's list."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sympy import Indexed
from sympy.matrices.expressions.matexpr import MatrixElement

from derive.algebra.functions import TABLE as FUNCTIONS
from derive.algebra.nodes import Expectation, Gradient, Partial, Prime
from derive.checks.reasons.cited import Cited, same, sides_of, symbols
from derive.checks.reasons.losses import element
from derive.checks.reasons.numbering import Place, place_at
from derive.derivation import (
    Derivation,
    HasMean,
    HasShape,
    Heading,
    IsGradient,
    IsLimit,
    IsMinimum,
    NoMinimum,
    Refuted,
    Solution,
    Step,
)
from derive.worlds import StackRun

BEHIND_A_NUMBER = ("after",)  # tags of a stack's run whose path stands behind a number
OF_LAYERS = (
    "weight",
    "whole",
    "page",
    "output",
    "mask",
    "initial",
    "inside",
    "count",
    "operations",
    "receptive",
    "after",
)
UNITS = ("weight", "bias", "pre_activation", "activation", "delta")  # tags of a dense network, with the layer behind


@dataclass(frozen=True)
class Headed:
    """A heading's values, the steps below it, those of the whole question and of the whole solution, the problem, and the word
    that it asks by."""

    about: tuple[Any, ...]
    steps: tuple[Cited, ...]
    question: tuple[Step, ...]
    others: tuple[Step, ...]
    problem: Any = None
    asked: str = ""

    @property
    def world(self) -> Any:
        return self.steps[0].world

    @property
    def given(self) -> Any:
        return getattr(self.problem, "given", None)

    @cached_property
    def tags(self) -> dict[Any, tuple[Any, ...]]:
        """What torch's runs call the symbols of the solution; of this section's own where they differ."""
        worlds = [step.claim.world for step in self.others] + [c.world for c in self.steps]
        return {symbol: tag for world in worlds for symbol, tag in getattr(world, "observed", ())}

    @cached_property
    def stack(self) -> Any:
        """The run of a stack of layers that the solution speaks of."""
        worlds = [c.world for c in self.steps] + [step.claim.world for step in self.others]
        return next((world for world in worlds if isinstance(world, StackRun)), None)

    def subjects(self) -> Iterator[Any]:
        """The quantity of each step, where a name (or its derivative, or an entry of it) stands on the left."""
        return (s for c in self.steps for s in [subject(c)] if s is not None)

    def place_of(self, tag: tuple[Any, ...], outermost: bool) -> Place | None:
        """The layer that a tag speaks of (the block that it is in), by its number in the author's list."""
        if not tag or tag[0] not in OF_LAYERS:
            return None
        path = tag[2] if tag[0] in BEHIND_A_NUMBER else tag[1]
        alone = getattr(self.given, "layer", None)
        listed = getattr(getattr(self.given, "network", None), "layers", None) or (alone and (alone,))
        return place_at(listed, self.stack.layers, path.split(".")[0] if outermost else path) if path else None


def subject(c: Cited) -> Any:
    """What a step is about; None for an expression."""
    side = c.claim.wrt if isinstance(c.claim, IsGradient) else c.left
    if isinstance(side, MatrixElement):
        side = side.parent
    if isinstance(side, Gradient | Partial | Expectation):
        side = side.args[0 if isinstance(side, Expectation) else 1]
    return side if getattr(side, "is_symbol", False) or isinstance(side, Indexed) else None


@dataclass(frozen=True)
class Judge:
    """What a heading says, in words, and whether it is so."""

    words: str
    test: Callable[[Headed], bool]


def says(words: str) -> Callable[[Callable[[Headed], bool]], Judge]:
    return lambda test: Judge(words, test)


# layers


def number_in(symbol: Any) -> str:
    """The number behind the letters of a name: '2' of W2 and of A2_bar."""
    found = re.match(r"[A-Za-z]+(\d+)", str(symbol))
    return found.group(1) if found else ""


@says("the steps are of this layer, which has this number and this name in the author's list")
def of_layer(h: Headed) -> bool:
    number, letters, kind = h.about
    tied = False
    for symbol in h.subjects():
        place = h.place_of(h.tags.get(symbol, ()), outermost=True)
        if place is not None:
            tied = True
            if (place.number, place.letters, place.kind) != (number, letters, kind):
                return False
        elif number_in(symbol):
            tied = True
            if number_in(symbol) != str(number):
                return False
    return tied


@says("these layers are alike, no others beside them are, and the steps are of the first")
def of_each_layer(h: Headed) -> bool:
    first, last, kind = map(int_or_word, h.about)
    places = [h.place_of(h.tags.get(symbol, ()), outermost=True) for symbol in h.subjects()]
    listed = [layer for layer in h.given.network.layers for _ in range(getattr(layer, "repeat", 1))]
    alike = listed[first - 1 : last]
    return (
        all(place is not None and (place.number, place.kind) == (first, kind) for place in places)
        and 1 <= first < last <= len(listed)
        and len(set(alike)) == 1
        and (last == len(listed) or listed[last] != alike[0])
    )


def int_or_word(value: Any) -> Any:
    return value if isinstance(value, str) else int(value)


def unit_numbers(h: Headed) -> set[int]:
    """The layers, counted from one, that the steps' quantities belong to in a dense network's run."""
    tags = [h.tags.get(symbol, ()) for symbol in h.subjects()]
    return {tag[1] + 1 for tag in tags if len(tag) == 2 and tag[0] in UNITS}


def unit(is_last: bool) -> Judge:
    def test(h: Headed) -> bool:
        count = sum(layer.repeat for layer in h.world.network.layers)
        return unit_numbers(h) == {int(h.about[0])} and (int(h.about[0]) == count) is is_last

    return Judge(f"the steps are of this layer, and it is {'' if is_last else 'not '}the last", test)


@says("the derivative of this function is found")
def of_function(h: Headed) -> bool:
    name = str(h.about[0]).replace(" ", "_")
    primes = {str(c.left.args[0]) for c in h.steps if isinstance(c.left, Prime)}
    return primes == {name} and type(h.steps[0].left) is FUNCTIONS[name]


@says("the numbers are those of the network of this name")
def of_network(h: Headed) -> bool:
    (name,) = h.about
    network = h.given.networks[name]
    return all(
        c.world.input in (network.input, (network.input,))
        and place_at(network.layers, c.world.layers, str(len(c.world.layers) - 1)) is not None
        and str(c.left).endswith(f"_{name}")
        for c in h.steps
    )


# steps and elements


@says("the elements in the steps are this one")
def of_element(h: Headed) -> bool:
    found = [element(c) for c in h.steps]
    return set().union(*found) == {int(h.about[0])}


@says("the array on the left is this one")
def of_array(h: Headed) -> bool:
    tags = [h.tags.get(symbol, ()) for symbol in h.subjects()]
    return {tag[1] + 1 for tag in tags if tag[:1] == ("output",)} == {int(h.about[0])}


def step_numbers(h: Headed) -> set[Any]:
    """The steps that the states on the left belong to."""
    tags = [h.tags.get(symbol, ()) for symbol in h.subjects()]
    return {
        tag[1] if tag[0] == "after" else tag[-1] for tag in tags if tag and tag[0] in ("after", "state", "parameter")
    }


@says("the states on the left are those after this step")
def of_step(h: Headed) -> bool:
    return step_numbers(h) == {int(h.about[0])}


@says("the states on the left are those of this coordinate after this step")
def of_coordinate(h: Headed) -> bool:
    number, step = map(int, h.about)
    rows = h.given.gradients
    return (
        step_numbers(h) == {step}
        and h.given.start[number - 1] == h.world.start
        and tuple(row[number - 1] for row in rows) == tuple(h.world.gradients)
        and all(str(symbol).endswith(f"_{number}") for symbol in h.subjects())
    )


@says("torch takes as many steps")
def of_so_many_steps(h: Headed) -> bool:
    return h.world.steps == int(h.about[0]) and h.world.optimiser.twin.name == "torch.optim.SGD"


OPTIMISERS = {
    "stochastic gradient descent": ("SGD", False, False),
    "gradient descent with momentum": ("SGD", True, False),
    "Nesterov's momentum": ("SGD", True, True),
}


@says("it is the optimiser that torch runs")
def of_optimiser(h: Headed) -> bool:
    twin = h.world.optimiser.twin
    torch_name, settings = twin.name.rpartition(".")[2], repr(twin)
    if torch_name != "SGD":
        return torch_name.lower() == str(h.about[0]).lower()
    return OPTIMISERS.get(str(h.about[0])) == (torch_name, "'momentum'" in settings, "nesterov" in settings)


@says("the steps are about this state")
def of_state(h: Headed) -> bool:
    tags = [tag for symbol in h.subjects() for tag in [h.tags.get(symbol, ())] if tag[:1] == ("state",)]
    return bool(tags) and all(tag[1] == str(h.about[0]) for tag in tags)


def moment(is_corrected: bool) -> Judge:
    """First or second by the moment of the gradient in it."""
    orders = {"first": "mean", "second": "second_moment"}

    def test(h: Headed) -> bool:
        means = [Cited(step) for step in h.question if isinstance(step.claim, HasMean)]
        held = {h.tags.get(s, ("",))[0] for step in h.question for side in sides_of(step.claim) for s in symbols(side)}
        found = {order for order, tag in orders.items() if tag in held}
        names = {c.tag(c.left)[1] for c in means if c.tag(c.left)[:1] == ("state",)}
        return found == {str(h.about[0])} and any(n.endswith("_hat") for n in names) is is_corrected

    return Judge(f"it is this moment, {'' if is_corrected else 'not '}corrected", test)


# symbols


@says("the derivative in the first entry of this array is compared")
def of_first_entry(h: Headed) -> bool:
    entries = [c.left for c in h.steps if isinstance(c.left, MatrixElement) and isinstance(c.left.parent, Gradient)]
    return bool(entries) and all(same(e.parent.args[1], h.about[0]) and e.i == 0 and e.j == 0 for e in entries)


@says("the last derivative is in this symbol")
def differentiates_in(h: Headed) -> bool:
    found = [c.claim.wrt for c in h.steps if isinstance(c.claim, IsGradient)]
    return bool(found) and same(found[-1], h.about[0])


@says("the variable has this value in every step")
def at_place(h: Headed) -> bool:
    variable, value = h.about
    return all(same(c.definitions.get(variable), value) for c in h.steps)


@says("the last line gives this unknown")
def solves_for(h: Headed) -> bool:
    return same(h.steps[-1].left, h.about[0])


def point_of(c: Cited) -> tuple[Any, ...]:
    return tuple(symbol for symbol, _ in c.claim.point) if isinstance(c.claim, IsMinimum) else ()


@says("the best value of the first symbol is found while the second is free")
def first_stage(h: Headed) -> bool:
    first, second = h.about
    last = h.steps[-1]
    return point_of(last) == (first,) and second != first and second in points_of_question(h)


@says("the symbol is the one that the first stage left free")
def second_stage(h: Headed) -> bool:
    staged = [
        step.claim.point[0][0]
        for step in h.question
        if isinstance(step.claim, IsMinimum) and len(step.claim.point) == 1
    ]
    (unknown,) = h.about
    return unknown in point_of(h.steps[-1]) and unknown not in staged


def points_of_question(h: Headed) -> set[Any]:
    return {symbol for step in h.question if isinstance(step.claim, IsMinimum) for symbol, _ in step.claim.point}


TABLE: dict[str, Judge] = {
    "heading: a layer": of_layer,
    "heading: layers that are alike": of_each_layer,
    "heading: a hidden layer": unit(is_last=False),
    "heading: the output layer": unit(is_last=True),
    "heading: an activation": of_function,
    "heading: an element": of_element,
    "heading: an example": of_element,
    "heading: an array": of_array,
    "heading: a step": of_step,
    "heading: a step of a coordinate": of_coordinate,
    "heading: an optimiser": of_optimiser,
    "heading: steps of gradient descent": of_so_many_steps,
    "heading: a state in closed form": of_state,
    "heading: a moment": moment(is_corrected=False),
    "heading: a corrected moment": moment(is_corrected=True),
    "heading: a first entry": of_first_entry,
    "heading: a network by name": of_network,
    "heading: a derivative": differentiates_in,
    "heading: a gradient": differentiates_in,
    "heading: a place": at_place,
    "heading: an unknown": solves_for,
    "heading: the first stage": first_stage,
    "heading: the second stage": second_stage,
}


# headings without values: what they say of the steps, where they say anything

ANY = Judge("it is one of the headings that are known", lambda h: True)


def is_best(is_maximum: bool) -> Judge:
    """The last that is claimed of the whole is of this kind; where nothing is claimed, this is what was asked for."""

    def test(h: Headed) -> bool:
        found = [step.claim for step in h.question if isinstance(step.claim, IsMinimum | NoMinimum)]
        kinds = [c.is_maximum for c in found if not getattr(c, "is_local", False)]
        return (kinds[-1] if kinds else h.asked == "maximise") is is_maximum

    return Judge(f"it is a {'maximum' if is_maximum else 'minimum'}", test)


def axis(number: int) -> Judge:
    return Judge(
        "it is about the other axis",
        lambda h: any(h.tags.get(s) == ("output_size", number) for s in h.subjects()),
    )


def grows_by(what: str) -> Judge:
    return Judge("it grows so", lambda h: all(h.tags.get(s, ("", "", what))[2] == what for s in h.subjects()))


def pools_by(name: str) -> Judge:
    return Judge("torch pools so", lambda h: name in h.world.layer.torch)


def side_of(place: int) -> Judge:
    """The section begins with that side of the identity, which the last step of the question states."""
    return Judge("it is that side", lambda h: same(h.steps[0].left, sides_of(h.question[-1].claim)[place]))


TWO_LIMITS = Judge(
    "the limits differ", lambda h: len({c.claim.value for c in h.steps if isinstance(c.claim, IsLimit)}) > 1
)
IS_FALSE = Judge("something is refuted", lambda h: any(isinstance(step.claim, Refuted) for step in h.question))
ONE_STEP = Judge("torch takes one step", lambda h: h.world.steps == 1)
LEAST, LARGEST = is_best(False), is_best(True)

PLAIN: dict[str, Judge] = {
    "": ANY,
    "The minimum": LEAST,
    "It is the minimum": LEAST,
    "The least value": LEAST,
    "The minimum in closed form": LEAST,
    "The maximum": LARGEST,
    "It is the maximum": LARGEST,
    "The largest value": LARGEST,
    "Height": axis(1),
    "Width": axis(2),
    "One layer more": grows_by("depth"),
    "One unit more in each layer": grows_by("width"),
    "Max pooling": pools_by("MaxPool"),
    "Average pooling": pools_by("AvgPool"),
    "Left side": side_of(0),
    "Right side": side_of(-1),
    "There is no limit": TWO_LIMITS,
    "A jump": TWO_LIMITS,
    "The identity is false": IS_FALSE,
    "The inequality is false": IS_FALSE,
    "A counterexample": IS_FALSE,
    "One step of gradient descent": ONE_STEP,
}
WITHOUT_VALUES = (
    "A network that does it", "A single unit decides it", "Along the direction", "Architectures compared", "At the given numbers",
    "Backward pass", "Centred form", "Closed form", "Conditions", "Convexity", "Convolution by hand", "Definition",
    "Depth against width", "Derivative", "Derivative of softmax", "Derivatives", "Differences", "Differentials", "Dimensions",
    "Dropout while training", "Entries", "Evaluate", "Forward pass", "Gradient", "Gradients by finite differences",
    "Gradients that vanish", "In general", "In symbols", "Kinks", "Lagrange function", "Layer by layer", "Limit", "Loss",
    "Loss of the minibatch", "Mean", "Multiplications of the forward pass", "Names for parts of the forward pass",
    "Newton's method", "No closed form", "No single unit can do it", "Normal equations", "Number of parameters",
    "One step in symbols", "Output size", "Over all hidden layers", "Predictions", "Quantities", "Receptive field", "Reduction",
    "Second derivative", "Second derivatives", "Shape of the output", "Solution", "Stationary points", "Sums about the mean",
    "Taylor polynomial", "The Hessian", "The Jacobian", "The derivative", "The difference", "The directional derivative",
    "The function as a network", "The gradient", "The identity", "The inequality", "The limit", "The multiplier", "The objective",
    "The polynomial", "Together", "Values", "Values, and limits at the ends", "Variance", "What an activation passes on at most",
    "What flows back", "What is left of a gradient on its way back", "What kind of points they are", "Where this holds",
    "Which gradients vanish, and why", "Windows", "With the number", "With the numbers",
)  # fmt: skip
PLAIN |= dict.fromkeys(WITHOUT_VALUES, ANY)


def unfit_heading(heading: Heading, h: Headed) -> str:
    """Why a heading does not fit what stands below it, in words; '' where it does."""
    if isinstance(heading, str):
        judge, shown = PLAIN.get(heading), heading
    else:
        judge, shown = TABLE.get(heading.rule.name), heading.rule.words
    if judge is None:
        return f"the heading '{shown}' is none that the referee knows (derive/checks/reasons/headings.py)"
    return "" if not h.steps or holds(judge, h) else f"the heading '{shown}' does not fit its steps: {judge.words}"


def holds(judge: Judge, h: Headed) -> bool:
    """Whether it is so; what has not even the parts that the heading speaks of does not fit."""
    try:
        return bool(judge.test(h))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return False


def unfit_headings(solution: Solution) -> dict[str, str]:
    """The first step below every heading that does not fit, the steps that tell a size beside words that do not, and why."""
    found: dict[str, str] = {}
    others = tuple(step for _, step in solution.steps())
    for p, derivation in enumerate(solution.derivations, 1):
        question = tuple(derivation.steps)

        def why(heading: Heading, below: tuple[Step, ...], p: int = p, question: tuple[Step, ...] = question) -> str:
            asked = solution.problem.ask[p - 1].name
            about = () if isinstance(heading, str) else heading.about
            return unfit_heading(
                heading, Headed(about, tuple(map(Cited, below)), question, others, solution.problem, asked)
            )

        for s, section in enumerate(derivation.sections, 1):
            for k, step in enumerate(section.steps, 1):
                if told := unfit_meaning(step, solution, others):
                    found[f"{p}.{s}.{k}"] = told
            if told := why(section.heading, section.steps):
                found[first_step(derivation, p, s)] = told
        if question and (told := why(derivation.heading, question)):
            found.setdefault(first_step(derivation, p, 1), told)
    found |= {number: told for number, step in solution.key if (told := unfit_meaning(step, solution, others))}
    return found


def first_step(derivation: Derivation, part: int, section: int) -> str:
    """The number of the first step in a section, or in one near by where it has none."""
    filled = [s for s, one in enumerate(derivation.sections, 1) if one.steps]
    nearest = min(filled, key=lambda s: abs(s - section), default=section)
    return f"{part}.{nearest}.1"


# the words beside a size

KINDS: dict[str, Callable[[tuple[Any, ...]], bool]] = {
    "weights": lambda tag: tag[0] == "weight" and not (len(tag) > 2 and tag[2].is_bias),
    "filters": lambda tag: tag[0] == "whole" and not tag[2].is_bias,
    "biases": lambda tag: tag[0] == "bias" or (tag[0] == "weight" and len(tag) > 2 and tag[2].is_bias),
    "output": lambda tag: tag[0] in ("output", "page", "activation"),
    "pre-activation": lambda tag: tag[0] == "pre_activation",
}


def tagged(*names: str) -> Judge:
    return Judge(
        "torch's run calls it so", lambda h: h.steps[0].tag(h.steps[0].left)[:1] in [(name,) for name in names]
    )


@says("torch's run calls it so, in this layer")
def part_of_unit(h: Headed) -> bool:
    what, number = h.about
    tag = h.steps[0].tag(h.steps[0].left)
    return KINDS[what](tag) and tag[1] + 1 == int(number)


@says("torch's run calls it so, in the layer of this number and name in the author's list")
def part_of_layer(h: Headed) -> bool:
    what, number, letters, kind = h.about
    tag = h.steps[0].tag(h.steps[0].left)
    place = h.place_of(tag, outermost=False)
    return (
        KINDS[what](tag) and place is not None and (place.number, place.letters, place.kind) == (number, letters, kind)
    )


@says("it is what goes in at this step")
def of_input_step(h: Headed) -> bool:
    return h.steps[0].tag(h.steps[0].left) == ("step", int(h.about[0]) - 1)


@says("it is what the last layer puts out")
def of_last_unit(h: Headed) -> bool:
    count = sum(layer.repeat for layer in h.world.network.layers)
    return h.steps[0].tag(h.steps[0].left) == ("activation", count - 1)


MEANINGS: dict[str, Judge] = {
    "size of a part of a layer": part_of_unit,
    "size of a part of a layer of a kind": part_of_layer,
    "size of the input": tagged("input"),
    "size of a step's input": of_input_step,
    "size of the network's output": of_last_unit,
    "size of the target": tagged("target"),
    "size with channels first": Judge("the axes are so", lambda h: h.steps[0].tag(h.steps[0].left) == ("output",)),
    "size with channels last": Judge(
        "the axes are so", lambda h: h.steps[0].tag(h.steps[0].left) == ("output", "channels_last")
    ),
}


def unfit_meaning(step: Step, solution: Solution, others: tuple[Step, ...]) -> str:
    """Why the words beside a size do not fit its quantity; '' where they do, and for every other kind of claim."""
    if not isinstance(step.claim, HasShape):
        return ""
    meaning = step.claim.meaning
    judge = MEANINGS.get(meaning.rule.name)
    fits = judge is not None and holds(judge, Headed(meaning.about, (Cited(step),), (step,), others, solution.problem))
    return "" if fits else f"'{meaning.rule.words}' with {meaning.about} does not fit {step.claim.of}"
