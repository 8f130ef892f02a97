"""A network's quantities: their symbols, the forward equations that define them, and the world that torch runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sympy import Expr, Integer, Symbol
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra.functions import TABLE
from derive.algebra.nodes import Map, Slot, Softmax, Total, add, matmul, prime
from derive.algebra.numbers import as_matrix
from derive.catalogue.layers.base import refuse_many
from derive.catalogue.registry import losses
from derive.errors import GivenError
from derive.topics.drawing import drawn, target_symbol
from derive.topics.saturation import is_saturated, total_from_logits
from derive.worlds import NetworkRun


@dataclass(frozen=True)
class Unit:
    """One dense layer with its symbols; `number` counts from 1, `a_in` is what it receives."""

    number: int
    activation: str
    parameters: tuple[Any, ...]
    W: MatrixSymbol
    b: MatrixSymbol | None
    z: MatrixSymbol
    a: MatrixSymbol
    a_in: MatrixSymbol
    delta: MatrixSymbol

    @property
    def pre_activation(self) -> Any:
        """W a + b."""
        product = matmul(self.W, self.a_in)
        return product if self.b is None else add(product, self.b)

    def applied(self, to: Any) -> Any:
        """The activation at an array."""
        if self.activation == "softmax":
            return Softmax(to)
        if self.activation == "identity":
            return to
        return Map(TABLE[self.activation](Slot(0), *self.parameters), to)

    @property
    def slope(self) -> Any:
        """f'(z), by name."""
        return Map(prime(self.activation, Slot(0), *self.parameters), self.z)


@dataclass(frozen=True)
class Net:
    """A stack of dense layers in symbols. Vectors are columns: one example, `x` of size inputs x 1."""

    given: Any

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        return (self.given.network.input, *(layer.units for layer in self.layers))

    @cached_property
    def layers(self) -> tuple[Any, ...]:
        try:
            refuse_many(self.given.network.layers)
        except ValueError as error:
            raise GivenError(str(error), ("given", "network", "layers")) from None
        return tuple(layer for layer in self.given.network.layers for _ in range(layer.repeat))

    @cached_property
    def x(self) -> MatrixSymbol:
        return MatrixSymbol("x", self.sizes[0], 1)

    @cached_property
    def y(self) -> MatrixSymbol:
        return target_symbol("y", self.given.loss, (Integer(self.sizes[-1]), Integer(1)))

    @property
    def y_hat(self) -> MatrixSymbol:
        return self.units[-1].a

    @property
    def L(self) -> Symbol:
        return Symbol("L")

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        made: list[Unit] = []
        for k, (layer, inputs) in enumerate(zip(self.layers, self.sizes, strict=False), 1):
            name, n, last = layer.activation.name, layer.units, k == len(self.layers)
            if name == "softmax" and not last:
                raise GivenError("softmax belongs to the last layer", ("given", "network", "layers", k - 1))
            z, a = MatrixSymbol(f"z{k}", n, 1), MatrixSymbol("y_hat" if last else f"a{k}", n, 1)
            defaults = TABLE[name].row.parameters if name in TABLE else ()
            chosen = dict(layer.activation.parameters)
            parameters = tuple(chosen.get(key, default) for key, default in defaults)
            b = MatrixSymbol(f"b{k}", n, 1) if layer.bias else None
            before = made[-1].a if made else self.x
            delta = MatrixSymbol(f"delta{k}", n, 1)
            made.append(Unit(k, name, parameters, MatrixSymbol(f"W{k}", n, inputs), b, z, a, before, delta))
        return tuple(made)

    @cached_property
    def definitions(self) -> tuple[tuple[Any, Any], ...]:
        """The forward equations in order, the loss last when there is one."""
        found: list[tuple[Any, Any]] = []
        for unit in self.units:
            found += [(unit.z, unit.pre_activation), (unit.a, unit.applied(unit.z))]
        if self.given.loss is not None:
            found.append((self.L, self.loss_of(self.y, self.y_hat)))
        return tuple(found)

    def loss_of(self, y: Any, y_hat: Any) -> Expr:
        """The loss of one example, by the loss's own formula and reduction."""
        return self.reduced(Total(Map(self.loss.term(Slot(0), Slot(1)), y, y_hat)))

    def reduced(self, total: Expr) -> Expr:
        """The sum over all outputs by the loss's reduction."""
        averaged = self.loss.on == "elements" and self.loss.reduction == "mean"
        return total / self.sizes[-1] if averaged else total

    @property
    def loss_from_logits(self) -> Expr:
        """The loss of one example in the pre-activation of the last layer, for losses of probabilities."""
        return self.reduced(total_from_logits(self.loss, self.y, self.units[-1].z, row=False))

    def saturates(self, values: dict[Any, Any]) -> bool:
        """Whether the loss takes logarithms of probabilities that are nearly 0 or 1."""
        return bool(self.given.loss is not None and self.loss.after) and is_saturated(values[self.y_hat])

    @cached_property
    def loss(self) -> Any:
        """The loss, after asking whether the last layer suits it."""
        loss = self.given.loss
        if loss is None:
            raise GivenError("a loss is needed here, such as 'loss: mse'", ("given",))
        if loss.after is None:
            names = ", ".join(sorted({cls.name for cls in known_losses() if cls.after is not None}))
            raise GivenError(f"the loss '{loss.name}' does not go with a network; use {names}", ("given", "loss"))
        if getattr(loss, "reduction", "mean") not in ("mean", "sum"):
            raise GivenError("backpropagation needs one number: use the reduction mean or sum", ("given", "loss"))
        if loss.after and self.units[-1].activation not in loss.after:
            raise GivenError(
                f"{loss.name} needs probabilities: end the network with {' or '.join(loss.after)}, "
                f"not {self.units[-1].activation}",
                ("given", "loss"),
            )
        return loss

    @cached_property
    def values(self) -> dict[Any, Any]:
        """The given numbers by symbol, sizes compared; empty when there are none."""
        given = self.given.values or {}
        symbols = {str(s.name): s for s in (self.x, self.y, *self.parameters)}
        found: dict[Any, Any] = {}
        for name, nested in given.items():
            if name not in symbols:
                raise GivenError(f"the network has no '{name}'; it has {', '.join(symbols)}", ("given", "values", name))
            matrix, shape = as_matrix(nested), symbols[name].shape
            if matrix.shape != shape:
                raise GivenError(
                    f"{name} is {matrix.shape[0]} x {matrix.shape[1]}, but this network needs {shape[0]} x {shape[1]}",
                    ("given", "values", name),
                )
            found[symbols[name]] = matrix
        if self.given.draw:
            rest = [symbol for symbol in symbols.values() if symbol not in found]
            found = {**drawn(rest, self.given.draw, int), **found}
        self._compare_target(found)
        return found

    def _compare_target(self, values: dict[Any, Any]) -> None:
        """Labels and probabilities, where the loss takes these."""
        loss, target = self.given.loss, values.get(self.y)
        if loss is None or target is None:
            return
        path = ("given", "values", "y")
        if loss.after and any(not 0 <= entry <= 1 for entry in target):
            raise GivenError(f"the target of {loss.name} lies between 0 and 1", path)
        if loss.on == "classes" and sum(target) != 1:
            raise GivenError(
                f"the entries of the target are probabilities: they add up to 1, not to {sum(target)}", path
            )

    @cached_property
    def parameters(self) -> tuple[Any, ...]:
        return tuple(p for unit in self.units for p in (unit.W, unit.b) if p is not None)

    @property
    def has_numbers(self) -> bool:
        """Whether the forward pass can be computed; numbers for some of it are refused, with what is missing."""
        needed = (self.x, *self.parameters)
        if not self.values:
            return False
        missing = [str(s.name) for s in needed if s not in self.values]
        if missing:
            raise GivenError(f"numbers are missing for {', '.join(missing)}", ("given", "values"))
        return True

    @property
    def knows_target(self) -> bool:
        return self.has_numbers and self.y in self.values

    @cached_property
    def world(self) -> NetworkRun:
        """The world in which every quantity of the net is observed; random numbers where none are given."""
        loss = self.loss if self.given.loss is not None else None
        observed: list[tuple[Any, tuple[Any, ...]]] = [(self.x, ("input",)), (self.y, ("target",))]
        for k, unit in enumerate(self.units):
            observed += [(unit.W, ("weight", k)), (unit.z, ("pre_activation", k)), (unit.a, ("activation", k))]
            if unit.b is not None:
                observed.append((unit.b, ("bias", k)))
            if loss is not None:
                observed.append((unit.delta, ("delta", k)))
        if loss is not None:
            observed.append((self.L, ("loss",)))
        return NetworkRun(self.given.network, loss, tuple(observed))

    @cached_property
    def numeric_world(self) -> NetworkRun:
        """The same world with the given numbers in it."""
        world = self.world
        return NetworkRun(world.network, world.loss, world.observed, tuple(self.values.items()))


def known_losses() -> list[Any]:
    """The classes of all losses."""
    return list(losses.values())


def network_of(given: Any) -> Net:
    """The net that is given; raises GivenError when there is none."""
    if given.network is None:
        raise GivenError("this question needs a network", ("given",))
    if not all(hasattr(layer, "units") and hasattr(layer, "repeat") for layer in given.network.layers):
        raise GivenError("this question is about dense layers only", ("given", "network", "layers"))
    if isinstance(given.network.input, tuple):
        raise GivenError("dense layers take one number of inputs here", ("given", "network", "input"))
    net = Net(given)
    _ = net.units, net.values
    return net
