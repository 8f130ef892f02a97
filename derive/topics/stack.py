"""Any stack of layers: its symbols, its forward equations as each layer tells them, and the world that torch runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any

from sympy import Abs, Add, Expr, Integer, Mul, Rational, Symbol
from sympy.matrices.expressions import OneMatrix
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra.arrays import Distribution, OneHot, RowSoftmax
from derive.algebra.nodes import Map, Slot, Softmax, Total, add, is_array, matmul, transpose
from derive.algebra.numbers import as_matrix
from derive.catalogue.layers.base import Weight, expanded
from derive.catalogue.layers.dense import Dense
from derive.errors import GivenError, NotDerivable
from derive.worlds import StackRun

LETTERS = "zauvhqrs"


@dataclass(frozen=True)
class Place:
    """A layer at its place: its path, its shapes without the batch, its number among layers that learn."""

    path: str
    layer: Any
    shape: tuple[int, ...]
    out: tuple[int, ...]
    number: int


@dataclass
class Step:
    """What a layer tells its equations to: symbols by the stack's conventions, definitions in order."""

    stack: Stack
    place: Place
    x: Any
    made: list[tuple[Any, Any]] = field(default_factory=list)
    output: Any = None

    @property
    def row(self) -> bool:
        """Whether examples (or positions) are rows."""
        return self.stack.row

    def weight(self, letter: str) -> Any:
        """The symbol of a learned array."""
        return self.stack.weight_symbol(self.place, letter)

    def mask(self) -> Any:
        """Zeros and ones, a random one for each entry of the input."""
        return MatrixSymbol(self.stack.numbered("M", self.place.number), *self.x.shape)

    def image(self) -> None:
        """What a layer on images says before its equations: places are rows, so that it needs the row convention."""
        if not self.row:
            raise NotDerivable("forward equations of images in columns")

    def plus(self, product: Any, bias: Any) -> Any:
        """The bias added: to each row, or to the column."""
        if not self.row:
            return add(product, bias)
        if product.shape[0] == 1:
            return add(product, transpose(bias))
        return add(product, matmul(OneMatrix(product.shape[0], Integer(1)), transpose(bias)))

    def define(self, letter: str, expr: Any) -> Any:
        """A named quantity inside the layer."""
        symbol = self.stack.fresh(letter, self.place.number, expr)
        self.made.append((symbol, expr))
        return symbol

    def result(self, letter: str, expr: Any) -> None:
        """What the layer puts out."""
        if is_array(expr) and isinstance(expr, MatrixSymbol):
            self.output = expr
            return
        self.output = self.define(letter, expr)

    def sequence(self) -> list[Any]:
        """The inputs of the steps, one column each."""
        return self.stack.steps

    def through(self, layers: Any) -> Any:
        """The output of layers inside of this one."""
        inner = self.stack.walk(layers, self.place.shape, self.x, f"{self.place.path}.", self.place.number)
        for place, step in inner:
            self.stack.inner.append((place, step))
            self.made += step.made
        return inner[-1][1].output


@dataclass
class Stack:
    """A network of any layers. Vectors on the page are columns; a batch has its examples in rows."""

    given: Any
    taken: set[str] = field(default_factory=set)
    inner: list[tuple[Place, Step]] = field(default_factory=list)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        size = self.given.network.input
        return size if isinstance(size, tuple) else (size,)

    @cached_property
    def layers(self) -> tuple[Any, ...]:
        try:
            return expanded(self.given.network.layers, self.shape)
        except ValueError as error:
            raise GivenError(str(error), ("given", "network", "layers")) from None

    @cached_property
    def convention(self) -> str:
        """As the file says, or as the layers need it."""
        asked = self.given.network.convention
        for layer in [*self.layers, *self.given.network.layers]:
            if asked and asked not in layer.conventions:
                raise GivenError(
                    f"{layer.name} needs 'convention: {layer.conventions[0]}'", ("given", "network", "convention")
                )
        needed = {c for layer in self.layers for c in layer.conventions if len(layer.conventions) == 1}
        if len(needed) > 1:
            raise GivenError(
                "layers that need rows and layers that need columns do not go together", ("given", "network")
            )
        return asked or (needed.pop() if needed else "row")

    @property
    def row(self) -> bool:
        return self.convention == "row"

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Every layer with its shapes; raises GivenError where one does not suit its input."""
        found, shape, number = [], self.shape, 0
        for k, layer in enumerate(self.layers):
            try:
                out, learns = layer.out(shape), bool(layer.weights(shape, self.row)) or hasattr(layer, "inner")
            except ValueError as error:
                raise GivenError(f"layer {k + 1}, {layer.name}: {error}", ("given", "network", "layers")) from None
            number += learns or k == 0
            found.append(Place(str(k), layer, shape, out, number))
            shape = out
        return tuple(found)

    def numbered(self, letter: str, number: int) -> str:
        """'W' and 2 as 'W2', 'W_Q' and 2 as 'W2_Q'."""
        base, _, rest = letter.partition("_")
        return f"{base}{number}" + (f"_{rest}" if rest else "")

    def fresh(self, letter: str, number: int, expr: Any) -> Any:
        """A symbol for an expression, capital where arrays have rows of a batch."""
        base, _, rest = letter.partition("_")
        wide = is_array(expr) and expr.shape[1] != 1
        for candidate in dict.fromkeys([base, *LETTERS, *(f"{base}{c}" for c in "abcdefgh")]):
            named = candidate.upper() if wide else candidate.lower() if len(base) == 1 else candidate
            name = self.numbered(f"{named}_{rest}" if rest else named, number)
            if name not in self.taken:
                self.taken.add(name)
                break
        if not is_array(expr):
            return Symbol(name, real=True)
        kind = Distribution if type(expr) in (Softmax, RowSoftmax) else MatrixSymbol
        return kind(name, *expr.shape)

    def weight_symbol(self, place: Place, letter: str) -> Any:
        """The symbol of a learned array of a layer."""
        weight = next(w for w in place.layer.weights(place.shape, self.row) if w.letter == letter)
        return self.symbol_of(place, weight)

    def symbol_of(self, place: Place, weight: Weight) -> Any:
        """Its symbol: vectors are columns; arrays of more than two axes have their first one in columns."""
        name = self.numbered(weight.letter, place.number) + ("" if "." not in place.path else _mark(place.path))
        if len(weight.shape) > 2:  # filters in columns, each with its entries channel after channel
            return MatrixSymbol(name, Integer(prod(weight.shape[1:])), Integer(weight.shape[0]))
        rows, columns = weight.shape if len(weight.shape) == 2 else (weight.shape[0], 1)
        return MatrixSymbol(name, Integer(rows), Integer(columns))

    # the forward equations

    @cached_property
    def batch(self) -> Any:
        """How many rows: given, read off the numbers, or n."""
        values = self.given.values.get("X") if self.row and len(self.shape) == 1 else None
        if values is not None:
            return Integer(as_matrix(values).shape[0])
        known = self.given.network.batch
        return Integer(known) if known else Symbol("n", integer=True, positive=True)

    @property
    def is_image(self) -> bool:
        """Whether the input is one image."""
        return len(self.shape) == 3

    @cached_property
    def x(self) -> Any:
        """The input's symbol."""
        if len(self.shape) == 3:  # a row for each place, a column for each channel
            return MatrixSymbol("X", Integer(self.shape[1] * self.shape[2]), Integer(self.shape[0]))
        first = self.layers[0]
        if hasattr(first, "words"):
            return OneHot("X", Integer(self.shape[0]), Integer(first.words))
        if len(self.shape) == 2:
            return MatrixSymbol("X", *map(Integer, self.shape))
        size = Integer(self.shape[0])
        return MatrixSymbol("X", self.batch, size) if self.row else MatrixSymbol("x", size, Integer(1))

    @cached_property
    def steps(self) -> list[Any]:
        """The columns of a sequence."""
        return [MatrixSymbol(f"x_{t}", Integer(self.shape[1]), Integer(1)) for t in range(1, self.shape[0] + 1)]

    def walk(self, layers: Any, shape: Any, x: Any, prefix: str, number: int) -> list[tuple[Place, Step]]:
        """Layers one after another, each telling its equations."""
        found: list[tuple[Place, Step]] = []
        for k, layer in enumerate(expanded(layers, shape) if prefix else layers):
            place = Place(f"{prefix}{k}", layer, shape, layer.out(shape), number) if prefix else self.places[k]
            step = Step(self, place, x)
            layer.equations(step)
            found.append((place, step))
            x, shape = step.output, place.out
        return found

    @cached_property
    def run(self) -> list[tuple[Place, Step]]:
        """Every layer with what it told; raises GivenError where a layer has no equations in matrix notation."""
        self.taken |= {"X", "x", "Y", "y", "L", "n"}
        try:
            return self.walk(self.layers, self.shape, self.x, "", 0)
        except NotDerivable as error:
            raise GivenError(f"{error}; ask for shapes, parameters or flops", ("given", "network", "layers")) from None

    @cached_property
    def output(self) -> Any:
        return self.run[-1][1].output

    @cached_property
    def y(self) -> Any:
        """The target."""
        name = "Y" if self.output.shape[1] != 1 else "y"
        loss = self.given.loss
        kind = OneHot if loss is not None and loss.on == "classes" else MatrixSymbol
        return kind(name, *self.output.shape)

    @cached_property
    def L(self) -> Symbol:
        return Symbol("L", real=True)

    @cached_property
    def loss(self) -> Any:
        """The loss, after asking whether the last layer suits it."""
        loss = self.given.loss
        if loss is None:
            raise GivenError("a loss is needed here, such as 'loss: mse'", ("given",))
        if loss.after is None or getattr(loss, "reduction", "mean") not in ("mean", "sum"):
            raise GivenError(f"the loss '{loss.name}' does not go with a network here", ("given", "loss"))
        last = getattr(getattr(self.layers[-1], "activation", None), "name", "")
        if loss.after and last not in loss.after:
            raise GivenError(
                f"{loss.name} needs probabilities: end the network with {' or '.join(loss.after)}", ("given", "loss")
            )
        return loss

    @cached_property
    def loss_expr(self) -> Expr:
        """The loss of the batch, by its own formula and reduction."""
        terms = [self.one_loss(self.loss)]
        for loss, factor in self.given.plus:
            if loss.after is None or loss.after or getattr(loss, "reduction", "mean") not in ("mean", "sum"):
                raise GivenError(f"the loss '{loss.name}' cannot be added here", ("given", "plus"))
            terms.append(factor * self.one_loss(loss))
        return Add(*terms)

    def one_loss(self, loss: Any) -> Expr:
        """One loss of the batch."""
        total = Total(Map(loss.term(Slot(0), Slot(1)), self.y, self.output))
        if loss.reduction == "sum":
            return total
        rows, columns = self.output.shape
        examples = rows if self.row else columns
        return total / (examples if loss.on == "classes" else Mul(rows, columns))

    @cached_property
    def penalties(self) -> Expr:
        """What the weights (not the biases) add to the loss."""
        bodies = {"l1": Abs(Slot(0)), "l2": Slot(0) ** 2}
        used = {s for _, step in self.run for _, expr in step.made for s in expr.free_symbols}
        weights = [s for _, w, s in self.weights() if s in used and not w.is_bias]
        terms = [rate * Total(Map(bodies[kind], w)) for kind, rate in self.given.penalty.items() for w in weights]
        return Add(*terms)

    @cached_property
    def definitions(self) -> tuple[tuple[Any, Any], ...]:
        """The forward equations in order; the loss last, where there is one."""
        found = tuple(pair for _, step in self.run for pair in step.made)
        return found if self.given.loss is None else (*found, (self.L, self.loss_expr + self.penalties))

    # weights

    def weights(self) -> Iterator[tuple[Place, Weight, Any]]:
        """Every learned array: where, what, and its symbol."""
        _ = self.run if self.has_equations else None
        listed = [(place, place.layer) for place in self.places] + [(place, place.layer) for place, _ in self.inner]
        for place, layer in listed:
            for weight in layer.weights(place.shape, self.row):
                yield place, weight, self.symbol_of(place, weight)

    @cached_property
    def has_equations(self) -> bool:
        """Whether the forward pass has matrix notation."""
        try:
            _ = self.run
        except GivenError:
            return False
        return True

    @cached_property
    def parameters(self) -> tuple[Any, ...]:
        """The symbols of the learned arrays that the equations use."""
        used = {s for _, expr in self.definitions for s in expr.free_symbols}
        return tuple(symbol for _, _, symbol in self.weights() if symbol in used)

    @cached_property
    def values(self) -> dict[Any, Any]:
        """The given numbers by symbol, sizes compared."""
        inputs = self.steps if len(self.shape) == 2 and not self.row else [self.x]
        known = {s.name: s for s in (*inputs, self.y, *self.parameters)}
        found: dict[Any, Any] = {}
        for name, nested in self.given.values.items():
            if name not in known:
                raise GivenError(f"the network has no '{name}'; it has {', '.join(known)}", ("given", "values", name))
            matrix, symbol = as_matrix(nested), known[name]
            shape = tuple(self.batch if not d.is_Integer else d for d in symbol.shape)
            if matrix.shape != shape and not (matrix.shape == shape[::-1] and 1 in shape):
                raise GivenError(
                    f"{name} is {matrix.shape[0]} x {matrix.shape[1]}, but this network needs {shape[0]} x {shape[1]}",
                    ("given", "values", name),
                )
            found[symbol] = matrix if matrix.shape == shape else matrix.T
        return {**self.drawn([s for s in known.values() if s not in found]), **found} if self.given.draw else found

    def drawn(self, symbols: list[Any]) -> dict[Any, Any]:
        """Numbers with few decimals for the symbols that have none, the same for the same seed."""
        import random

        draw = self.given.draw
        chance, unit = random.Random(draw.seed), Rational(1, 10**draw.places)
        low, high = int(draw.low / unit), int(draw.high / unit)
        if low > high:
            raise GivenError("'low' lies above 'high'", ("given", "draw"))
        found = {}
        for symbol in symbols:
            rows, columns = (int(self.batch if not d.is_Integer else d) for d in symbol.shape)
            if isinstance(symbol, OneHot):
                places = [chance.randrange(columns) for _ in range(rows)]
                found[symbol] = as_matrix(tuple(tuple(Integer(j == p) for j in range(columns)) for p in places))
                continue
            entries = [[unit * chance.randint(low, high) for _ in range(columns)] for _ in range(rows)]
            found[symbol] = as_matrix(tuple(map(tuple, entries)))
        return found

    @property
    def has_numbers(self) -> bool:
        """Whether the forward pass can be computed."""
        if not (self.given.values or self.given.draw):
            return False
        if self.given.draw and not self.batch.is_Integer and self.row and len(self.shape) == 1:
            raise GivenError("say how many examples are drawn: network: {batch: 2, ...}", ("given", "network"))
        inputs = self.steps if len(self.shape) == 2 and not self.row else [self.x]
        missing = [s.name for s in (*inputs, *self.parameters) if s not in self.values]
        if missing:
            raise GivenError(f"numbers are missing for {', '.join(missing)}", ("given", "values"))
        return True

    # the world

    @cached_property
    def world(self) -> StackRun:
        """Where torch runs the stack; quantities inside of layers are evaluated from their definitions."""
        observed: list[tuple[Any, tuple[Any, ...]]] = []
        if len(self.shape) == 2 and not self.row:
            observed += [(symbol, ("step", t)) for t, symbol in enumerate(self.steps)]
        else:
            observed.append((self.x, ("input page" if self.is_image else "input",)))
        if self.row and isinstance(self.batch, Symbol):
            observed.append((self.batch, ("batch",)))
        outputs = {}
        for place, step in [*self.run, *self.inner]:
            if step.output not in outputs and step.output != self.x:
                outputs[step.output] = place.path
                observed.append((step.output, ("page" if len(place.out) == 3 else "output", place.path)))
            if getattr(place.layer, "mode", "") == "train":
                observed.append((step.mask(), ("mask", place.path)))
        used = set(self.parameters)
        observed += [(s, ("weight", p.path, w)) for p, w, s in self.weights() if s in used]
        loss = None
        if self.given.loss is not None:
            loss = self.loss
            observed += [(self.y, ("target",)), (self.L, ("loss",))]
        definitions = tuple((s, e) for s, e in self.definitions if s not in outputs and s != self.L)
        batch = int(self.batch) if self.batch.is_Integer else None
        penalty = tuple((kind, rate) for kind, rate in self.given.penalty.items())
        return StackRun(
            self.layers,
            self.shape,
            self.convention,
            batch,
            loss,
            tuple(observed),
            (),
            definitions,
            penalty=penalty,
            plus=self.given.plus,
        )

    @cached_property
    def numeric_world(self) -> StackRun:
        """The same with the given numbers."""
        return replace(self.world, values=tuple(self.values.items()))

    def counting(self, observed: list[tuple[Any, tuple[Any, ...]]]) -> StackRun:
        """A world in which things are counted only."""
        return StackRun(self.layers, self.shape, self.convention, None, None, tuple(observed))


def _mark(path: str) -> str:
    """Weights inside of a block carry the letters a, b, ... of their places."""
    return "_" + "".join(chr(ord("a") + int(piece)) for piece in path.split(".")[1:] if piece.isdigit())


def is_stack(given: Any) -> bool:
    """Whether the network needs this road: rows, or layers other than dense ones on a vector."""
    network = given.network
    if network is None:
        return False
    return bool(network.convention or isinstance(network.input, tuple)) or any(
        type(layer) is not Dense for layer in network.layers
    )


def stack_of(given: Any) -> Stack:
    """The stack that is given; raises GivenError where layers do not fit."""
    if given.network is None:
        raise GivenError("this question needs a network", ("given",))
    stack = Stack(given)
    _ = stack.convention, stack.places
    return stack
