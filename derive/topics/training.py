"""`update` of a network's weights, `gradient_check` by finite differences, `predict`, and `compare` of architectures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from sympy import Gt, Integer, Lt, Rational, Symbol
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol

from derive.algebra.nodes import Factors, Gradient, Magnitude, Numeral, Quotient, Terms, add, matmul
from derive.algebra.numbers import as_matrix, numeral, numerals
from derive.algebra.values import value_of
from derive.derivation import Answer, Claim, Derivation, Equal, HasCount, Holds, Reason, Section, Work, rule
from derive.errors import GivenError
from derive.problem.types import Exact
from derive.topics import headings
from derive.topics.registry import questions
from derive.topics.stack import Stack, stack_of
from derive.topics.stack_answers import counts_of, inner_operations, numeric_section, objective_of, stack_values

BEFORE = rule("gradient before a step", "the gradient at the weights before the step")
STEP = rule("gradient descent", "the weights, less the learning rate {0} times the gradient")
AFTER = rule("weights after a step", "compute the weights")
UP, DOWN = rule("loss above", "the loss with {0} raised by {1}"), rule("loss below", "and with {0} lowered by {1}")
DIFFERENCE = rule("difference of two losses", "how far apart they are")
QUOTIENT = rule("central difference", "the difference over twice the step")
NEAR = rule("near the derivative", "which is the derivative but for an error of the order of the step squared")
LARGEST = rule("largest output", "the largest output of example {0}: class {1}, counted from zero")
ABOVE = rule("probability above a half", "example {0}: the probability is above one half, class 1")
BELOW = rule("probability below a half", "example {0}: the probability is below one half, class 0")
HALF = rule(
    "probability of a half", "example {0}: the probability is exactly one half, and no class is the likelier one"
)
TIE = rule(
    "equal outputs", "example {0}: these outputs are equal, and the first is taken, class {1}, counted from zero"
)
COUNTS = rule("parameters of an architecture", "the parameters of {0}")
MULTIPLICATIONS = rule("operations of an architecture", "the multiplications of {0}")
MORE = rule("difference of architectures", "{0} has more")
EQUAL_COUNTS = rule("equal architectures", "as many")
STEP_SIZE = Rational(1, 1000)


def with_numbers(given: Any) -> Stack:
    """The stack with numbers for everything, the target too; raises GivenError where some are missing."""
    stack = stack_of(given)
    _ = stack.loss
    if not stack.has_numbers or stack.y not in stack.values:
        raise GivenError("numbers for the input, the target and every parameter are needed", ("given", "values"))
    return stack


def network_update(given: Any, steps: int) -> Derivation:
    """Steps of gradient descent on every weight, the numbers before and after."""
    stack = with_numbers(given)
    optimiser = given.optimizer
    if optimiser.name != "sgd":
        raise GivenError(
            "the weights of a network are updated by sgd here; 'update' shows the others on given gradients"
        )
    if not 1 <= steps <= 5:
        raise GivenError("'steps' lies between 1 and 5")
    objective = objective_of(stack)
    values, sections, answers = dict(stack.values), [], []
    observed, names = list(stack.numeric_world.observed), {}
    places = {symbol: (place.path, weight) for place, weight, symbol in stack.weights()}
    for k in range(1, steps + 1):
        for parameter in stack.parameters:
            name = MatrixSymbol(f"{parameter.name}_({k})", *parameter.shape)
            names[parameter, k] = name
            observed.append((name, ("after", k, *places[parameter])))
    world = replace(stack.numeric_world, observed=tuple(observed), optimiser=optimiser, steps=steps)
    rate = optimiser.learning_rate
    for k in range(1, steps + 1):
        work = Work(Reason(headings.STEP, (Integer(k),)), world)
        known = {**stack.values, **values}
        for symbol, expr in stack.definitions:
            known[symbol] = value_of(expr, known)
        for symbol in [s for s, _ in reversed(objective.moving[:-1])]:
            known[Gradient(stack.L, symbol)] = value_of(objective.gradients[symbol], known)
        new: dict[Any, Any] = {}
        for parameter in stack.parameters:
            gradient = value_of(objective.gradients[parameter], known)
            if k == 1:
                work.gradient(stack.L, parameter, numerals(gradient), why=BEFORE)
            step = add(numerals(values[parameter]), matmul(Factors(Integer(-1), Numeral(rate)), numerals(gradient)))
            new[parameter] = (values[parameter] - rate * gradient).applyfunc(lambda e: e)
            after = names[parameter, k]
            work.equal(after, step, why=STEP, about=(Numeral(rate),))
            work.equal(step, numerals(new[parameter]), why=AFTER, result=True)
        values.update(new)
        sections.append(work.section())
    for parameter in stack.parameters:
        answers.append(Answer(parameter.name, values[parameter], weight_claim(world, names[parameter, steps])))
    heading = "One step of gradient descent" if steps == 1 else Reason(headings.STEPS_OF_DESCENT, (Integer(steps),))
    return Derivation(heading, tuple(sections), tuple(answers))


def weight_claim(world: Any, symbol: Any) -> Callable[[Any], Claim]:
    """What an author's value for a weight says."""
    return lambda value: Equal(world, (symbol, _array(value)))


def count_claim(world: Any, symbol: Any) -> Callable[[Any], Claim]:
    """What an author's count says."""
    return lambda value: HasCount(world, symbol, (value,))


def _array(value: Any) -> Any:
    return as_matrix(value) if isinstance(value, tuple) else value


@questions("gradient_check")
@dataclass(frozen=True)
class GradientCheck:
    """The derivative in single weights by central differences (`step` to both sides), against the one that was derived:
    the first weight of each array."""

    step: Exact = STEP_SIZE

    def derive(self, given: Any) -> Derivation:
        stack = with_numbers(given)
        if not 0 < self.step <= Rational(1, 10):
            raise GivenError("'step' lies between 0 and 0.1")
        objective = objective_of(stack)
        known = stack_values(stack)
        for symbol in [s for s, _ in reversed(objective.moving[:-1])]:
            known[Gradient(stack.L, symbol)] = value_of(objective.gradients[symbol], known)
        sections = [self.section(stack, objective, known, parameter) for parameter in stack.parameters]
        return Derivation("Gradients by finite differences", tuple(sections))

    def section(self, stack: Stack, objective: Any, known: dict[Any, Any], parameter: Any) -> Section:
        """One weight raised and lowered."""
        entry = MatrixElement(parameter, Integer(0), Integer(0))
        losses = []
        work = Work(Reason(headings.FIRST_ENTRY, (parameter,)), stack.numeric_world)
        for sign, why in ((1, UP), (-1, DOWN)):
            moved = stack.values[parameter].as_mutable()
            moved[0, 0] += sign * self.step
            values = {**stack.values, parameter: moved.as_immutable()}
            for symbol, expr in stack.definitions:
                values[symbol] = value_of(expr, values)
            losses.append(values[stack.L])
            there = replace(
                stack.numeric_world,
                values=tuple((s, values[s] if s == parameter else v) for s, v in stack.values.items()),
            )
            work.world = there
            work.equal(stack.L, numeral(values[stack.L], 12), why=why, about=(entry, Numeral(self.step)))
        work.world = stack.numeric_world
        change = losses[0] - losses[1]
        quotient = change / (2 * self.step)
        written = Terms(numeral(losses[0], 12), Factors(Integer(-1), numeral(losses[1], 12)))
        over = Quotient(numeral(change), Factors(Integer(2), Numeral(self.step)))
        gradient = value_of(objective.gradients[parameter], known)[0, 0]
        work.equal(written, numeral(change), why=DIFFERENCE)
        work.equal(over, numeral(quotient), why=QUOTIENT)
        slope = MatrixElement(Gradient(stack.L, parameter), Integer(0), Integer(0))
        work.equal(slope, numeral(gradient), why=BEFORE)
        gap = Magnitude(Terms(numeral(quotient), Factors(Integer(-1), numeral(gradient))))
        bound = max(100 * self.step**2, Rational(1, 10**9)) * (1 + abs(Rational(gradient)))
        work.claim(
            Holds(stack.numeric_world, Lt(gap, Numeral(Rational(round(bound * 10**9), 10**9)), evaluate=False)),
            NEAR,
            (),
            True,
        )
        return work.section()


@questions("predict")
@dataclass(frozen=True)
class Predict:
    """What the network says of each example: the class of the largest output, or of a probability above one half."""

    def derive(self, given: Any) -> Derivation:
        stack = stack_of(given)
        if not stack.has_numbers:
            raise GivenError("numbers for the input and every parameter are needed", ("given", "values"))
        last = getattr(getattr(stack.layers[-1], "activation", None), "name", "")
        if stack.output.shape[int(stack.row)] == 1 and last != "sigmoid":
            raise GivenError(
                "one output predicts a class where it is a probability: end with sigmoid", ("given", "network")
            )
        section, values = numeric_section(stack)
        output = values[stack.output] if stack.row else values[stack.output].T
        work = Work("Predictions", stack.numeric_world)
        for i in range(output.shape[0]):
            row = list(output.row(i))

            def at(j: int, i: int = i) -> Any:
                place = (i, j) if stack.row else (j, i)
                return MatrixElement(stack.output, *map(Integer, place))

            if len(row) == 1:
                half, about = Numeral(Rational(1, 2)), (Integer(i + 1),)
                if row[0] == half.value:
                    work.equal(at(0), half, why=HALF, about=about, result=True)
                    continue
                above = bool(row[0] > half.value)
                relation = (Gt if above else Lt)(at(0), half, evaluate=False)
                work.claim(Holds(stack.numeric_world, relation), ABOVE if above else BELOW, about, True)
                continue
            best = max(range(len(row)), key=lambda j: row[j])
            for j in [j for j in range(len(row)) if j != best]:
                if row[j] == row[best]:
                    work.equal(at(best), at(j), why=TIE, about=(Integer(i + 1), Integer(best)))
                    continue
                relation = Gt(at(best), at(j), evaluate=False)
                work.claim(Holds(stack.numeric_world, relation), LARGEST, (Integer(i + 1), Integer(best)))
        return Derivation("Predictions", (section, work.section()))


@questions("compare")
@dataclass(frozen=True)
class Compare:
    """The parameters and the multiplications of the architectures under `networks`, side by side."""

    def derive(self, given: Any) -> Derivation:
        if len(given.networks) < 2:
            raise GivenError("'networks' needs two architectures at least, each with a name", ("given",))
        sections, totals, answers = [], {}, []
        for name, network in given.networks.items():
            stack = stack_of(replace(given, network=network))
            parameters, operations = Symbol(f"N_{name}"), Symbol(f"M_{name}")
            world = stack.counting([(parameters, ("count", "", "parameters")), (operations, ("operations", ""))])
            arrays = [times * sum(w.count for w in weights) for _, times, weights in counts_of(stack)]
            products = [
                sum(prod(sizes) for sizes, _ in inner_operations(place.layer, place.shape)) for place in stack.places
            ]
            work = Work(Reason(headings.NETWORK, (name,)), world)
            for symbol, numbers, why in ((parameters, arrays, COUNTS), (operations, products, MULTIPLICATIONS)):
                kept = [n for n in numbers if n] or [0]
                sides = (Terms(*map(Numeral, kept)), Integer(sum(kept))) if len(kept) > 1 else (Integer(kept[0]),)
                work.claim(HasCount(world, symbol, sides), why, (name,), True)
            totals[name] = (sum(arrays), sum(products))
            answers.append(Answer(name, Integer(sum(arrays)), count_claim(world, parameters)))
            sections.append(work.section())
        sections.append(self.differences(totals))
        return Derivation("Architectures compared", tuple(sections), tuple(answers))

    @staticmethod
    def differences(totals: dict[str, tuple[int, int]]) -> Section:
        """Each against the first."""
        from derive.worlds import Formulas

        world = Formulas()
        work = Work("Differences", world)
        (first, base), *others = totals.items()
        for name, counts in others:
            for k in range(2):
                difference = counts[k] - base[k]
                if difference == 0:
                    work.equal(Numeral(counts[k]), Numeral(base[k]), why=EQUAL_COUNTS)
                    continue
                more, less = (counts[k], base[k]) if difference > 0 else (base[k], counts[k])
                written = Terms(Numeral(more), Factors(Integer(-1), Numeral(less)))
                work.equal(written, Integer(abs(difference)), why=MORE, about=(name if difference > 0 else first,))
        return work.section()
