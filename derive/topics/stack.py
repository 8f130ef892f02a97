"""Any stack of layers: its symbols, its forward equations as each layer tells them, and the world that torch runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any

from sympy import Abs, Add, Expr, Integer, Mul, Symbol
from sympy.matrices.expressions import OneMatrix, ZeroMatrix
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra.arrays import Distribution, OneHot, RowSoftmax
from derive.algebra.nodes import Map, Slot, Softmax, Total, add, is_array, matmul, transpose
from derive.algebra.numbers import as_matrix
from derive.catalogue.layers.base import Numbered, Weight, numbered
from derive.catalogue.layers.dense import Dense
from derive.errors import GivenError, NotDerivable
from derive.topics.drawing import drawn, target_symbol
from derive.topics.saturation import is_saturated, total_from_logits
from derive.worlds import StackRun

LETTERS = "zauvhqrs"
INSIDE = "inside"  # tags a quantity that torch gives beside its run: the loss does not pass through it
PREDICTION = "y_hat"  # what dense layers alone put out, as in the questions about these
BAR = "_bar"  # marks the matrix that is made of a tensor: of an image, with a row for each place, or of filters, a column each


@dataclass(frozen=True)
class Place:
    """A layer at its place: its path in the stack as torch runs it, its shapes without the batch, its number in the author's
    list, and the letters of its parts where the author's layer (or block) is made of several."""

    path: str
    layer: Any
    shape: tuple[int, ...]
    out: tuple[int, ...]
    number: int
    mark: str = ""


@dataclass
class Step:
    """What a layer tells its equations to: symbols by the stack's conventions, definitions in order."""

    stack: Stack
    place: Place
    x: Any
    made: list[tuple[Any, Any]] = field(default_factory=list)
    output: Any = None
    letters: dict[Any, str] = field(default_factory=dict)  # of the quantities that torch's own functions give

    @property
    def row(self) -> bool:
        """Whether examples (or positions) are rows."""
        return self.stack.row

    def weight(self, letter: str) -> Any:
        """The symbol of a learned array."""
        return self.stack.weight_symbol(self.place, letter)

    def mask(self) -> Any:
        """Zeros and ones, a random one for each entry of the input."""
        return MatrixSymbol(self.stack.numbered("M", self.place), *self.x.shape)

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
        symbol = self.stack.fresh(letter, self.place, expr) if letter != PREDICTION else self.stack.prediction(expr)
        self.made.append((symbol, expr))
        if letter.partition("_")[0] in [*self.place.layer.observable]:
            self.letters[symbol] = letter
        return symbol

    def result(self, letter: str, expr: Any) -> None:
        """What the layer puts out."""
        if is_array(expr) and isinstance(expr, MatrixSymbol):
            self.output = expr
            return
        if self.stack.names_prediction(self.place):
            letter = PREDICTION
        self.output = self.define(f"{letter}{BAR}" if len(self.place.out) == 3 else letter, expr)

    def initial(self, letter: str, size: int) -> Any:
        """A state before the first step, a column: by name where its numbers are given, else zero."""
        name = self.stack.numbered(f"{letter}_0", self.place)
        if name not in self.stack.given.values:
            return ZeroMatrix(Integer(size), Integer(1))
        return self.stack.initial.setdefault(
            name, (MatrixSymbol(name, Integer(size), Integer(1)), self.place.path, letter)
        )[0]

    def sequence(self) -> list[Any]:
        """The inputs of the steps, one column each."""
        return self.stack.steps

    def through(self, layers: Any) -> Any:
        """The output of layers inside of this one."""
        inner = self.stack.walk(self.stack.inside(layers, self.place), self.x)
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
    initial: dict[str, tuple[Any, str, str]] = field(
        default_factory=dict
    )  # states before the first step that are given

    @cached_property
    def mark(self) -> str:
        """What tells the quantities of this network from those of others in the problem; nothing for the first."""
        return str(self.given.names.mark("network", (self.given.network, tuple(self.given.values.items()))))

    @cached_property
    def shape(self) -> tuple[int, ...]:
        size = self.given.network.input
        return size if isinstance(size, tuple) else (size,)

    @cached_property
    def numbered_layers(self) -> list[Numbered]:
        """Each layer of its own kind, with its number in the author's list."""
        try:
            return numbered(self.given.network.layers, self.shape)
        except ValueError as error:
            raise GivenError(str(error), ("given", "network", "layers")) from None

    @cached_property
    def layers(self) -> tuple[Any, ...]:
        return tuple(item.layer for item in self.numbered_layers)

    @cached_property
    def convention(self) -> str:
        """As the file says, or as the layers need it; dense layers alone take one example in a column, as in every question."""
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
        usual = "row" if is_stack(self.given) else "column"
        return asked or (needed.pop() if needed else usual)

    @property
    def row(self) -> bool:
        return self.convention == "row"

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Every layer with its shapes; raises GivenError where one does not suit its input."""
        found, shape = [], self.shape
        for k, item in enumerate(self.numbered_layers):
            try:
                out = item.layer.out(shape)
                item.layer.weights(shape, self.row)
            except ValueError as error:
                words = f"layer {item.number}, {item.layer.name}: {error}"
                raise GivenError(words, ("given", "network", "layers")) from None
            found.append(Place(str(k), item.layer, shape, out, item.number, item.part))
            shape = out
        return tuple(found)

    def inside(self, layers: Any, outer: Place) -> list[Place]:
        """The layers inside of a block, each with its letter."""
        found, shape = [], outer.shape
        for k, item in enumerate(numbered(layers, shape)):
            mark = f"{outer.mark}{chr(ord('a') + item.number - 1)}{item.part}"
            found.append(Place(f"{outer.path}.{k}", item.layer, shape, item.layer.out(shape), outer.number, mark))
            shape = found[-1].out
        return found

    def numbered(self, letter: str, place: Place) -> str:
        """'W' in layer 2 as 'W2', 'W_Q' as 'W2_Q', with its letters inside of a block: 'W2_a'."""
        base, _, rest = letter.partition("_")
        return "_".join(part for part in (f"{base}{place.number}", rest, place.mark) if part)

    def names_prediction(self, place: Place) -> bool:
        """Whether the place is the last activation of dense layers alone, whose questions call what it puts out y_hat."""
        return not is_stack(self.given) and place.path == str(len(self.places) - 1) and place.layer.name == "activate"

    def prediction(self, expr: Any) -> Any:
        """The symbol of what the network predicts."""
        kind = Distribution if type(expr) in (Softmax, RowSoftmax) else MatrixSymbol
        return kind(PREDICTION, *expr.shape)

    def fresh(self, letter: str, place: Place, expr: Any) -> Any:
        """A symbol for an expression, capital where arrays have rows of a batch."""
        base, _, rest = letter.partition("_")
        wide = is_array(expr) and expr.shape[1] != 1
        for candidate in dict.fromkeys([base, *LETTERS, *(f"{base}{c}" for c in "abcdefgh")]):
            named = candidate.upper() if wide else candidate.lower() if len(base) == 1 else candidate
            name = "_".join(filter(None, (self.numbered(f"{named}_{rest}" if rest else named, place), self.mark)))
            if name not in self.taken:
                self.taken.add(name)
                break
        if not is_array(expr):
            return Symbol(name, real=True)
        kind = Distribution if type(expr) in (Softmax, RowSoftmax) else MatrixSymbol
        return kind(name, *expr.shape)

    def weight_symbol(self, place: Place, letter: str) -> Any:
        """The symbol of a learned array of a layer; of filters that of their matrix."""
        weight = next(w for w in place.layer.weights(place.shape, self.row) if w.letter == letter)
        return self.symbol_of(place, weight)

    def symbol_of(self, place: Place, weight: Weight) -> Any:
        """Its symbol: vectors are columns; arrays of more than two axes have their first one in columns."""
        name = self.numbered(weight.letter, place)
        if len(weight.shape) > 2:  # filters in columns, each with its entries channel after channel
            return MatrixSymbol(name + BAR, Integer(prod(weight.shape[1:])), Integer(weight.shape[0]))
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
            return MatrixSymbol(f"X{BAR}", Integer(self.shape[1] * self.shape[2]), Integer(self.shape[0]))
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

    def walk(self, places: Iterable[Place], x: Any) -> list[tuple[Place, Step]]:
        """Layers one after another, each telling its equations."""
        found: list[tuple[Place, Step]] = []
        for place in places:
            step = Step(self, place, x)
            self.compare_rows(place, x)
            place.layer.equations(step)
            found.append((place, step))
            x = step.output
        return found

    def compare_rows(self, place: Place, x: Any) -> None:
        """Whether there are as many examples (or places) as the layer needs; raises GivenError with the place in the file."""
        rows = x.shape[0] if self.row else Integer(1)
        if not rows.is_Integer or rows >= place.layer.least_rows:
            return
        values = self.given.values.get("X")
        path = ("given", "network", *(("batch",) if self.given.network.batch else ("layers", place.number - 1)))
        raise GivenError(
            f"{place.layer.name} trains on {place.layer.least_rows} rows at least, and here is {rows}: one number has no variance",
            path if values is None else ("given", "values", "X"),
        )

    @cached_property
    def run(self) -> list[tuple[Place, Step]]:
        """Every layer with what it told; raises GivenError where a layer has no equations in matrix notation."""
        self.taken |= {"X", f"X{BAR}", "x", "Y", "y", "L", "n"}
        try:
            return self.walk(self.places, self.x)
        except NotDerivable as error:
            message = f"there are no {error}; ask for shapes, parameters or flops"
            raise GivenError(message, ("given", "network", "layers")) from None

    @cached_property
    def output(self) -> Any:
        return self.run[-1][1].output

    @cached_property
    def y(self) -> Any:
        """The target."""
        return target_symbol("Y" if self.output.shape[1] != 1 else "y", self.given.loss, self.output.shape)

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
        return self.reduced(loss, Total(Map(loss.term(Slot(0), Slot(1)), self.y, self.output)))

    @property
    def loss_from_logits(self) -> Expr:
        """The loss in what goes into the last activation, for losses of probabilities."""
        logits = self.run[-1][1].x
        return self.reduced(self.loss, total_from_logits(self.loss, self.y, logits, self.row)) + self.penalties

    def saturates(self, values: dict[Any, Any]) -> bool:
        """Whether the loss takes logarithms of probabilities that are nearly 0 or 1."""
        return bool(self.given.loss is not None and self.loss.after and not self.given.plus) and is_saturated(
            values[self.output]
        )

    def reduced(self, loss: Any, total: Expr) -> Expr:
        """A sum over all entries by the loss's reduction."""
        if loss.reduction == "sum":
            return total
        rows, columns = self.output.shape
        examples = rows if self.row else columns
        return total / (examples if loss.on == "classes" else Mul(rows, columns))

    @cached_property
    def penalties(self) -> Expr:
        """What the weights (not the biases) add to the loss."""
        bodies = {"l1": Abs(Slot(0)), "l2": Slot(0) ** 2}
        weights = [s for _, w, s in self.weights() if not w.is_bias]
        terms = [rate * Total(Map(bodies[kind], w)) for kind, rate in self.given.penalty.items() for w in weights]
        return Add(*terms)

    @cached_property
    def definitions(self) -> tuple[tuple[Any, Any], ...]:
        """The forward equations in order; the loss last, where there is one."""
        found = tuple(pair for _, step in self.run for pair in step.made)
        return found if self.given.loss is None else (*found, (self.L, self.loss_expr + self.penalties))

    # weights

    def weights(self) -> Iterator[tuple[Place, Weight, Any]]:
        """Every learned array, those inside of blocks too: where, what, and its symbol."""
        for place in self.everywhere(self.places):
            for weight in place.layer.weights(place.shape, self.row):
                yield place, weight, self.symbol_of(place, weight)

    def everywhere(self, places: Iterable[Place]) -> Iterator[Place]:
        """The layers, each followed by those inside of it."""
        for place in places:
            yield place
            if hasattr(place.layer, "branches"):
                yield from self.everywhere(self.beside(place))
            elif hasattr(place.layer, "layers"):
                yield from self.everywhere(self.inside(place.layer.layers, place))

    def beside(self, outer: Place) -> list[Place]:
        """The branches of a layer that puts them side by side, each with its letter."""
        return [
            Place(
                f"{outer.path}.{k}.0",
                branch,
                outer.shape,
                branch.out(outer.shape),
                outer.number,
                f"{outer.mark}{chr(ord('a') + k)}",
            )
            for k, branch in enumerate(outer.layer.branches)
        ]

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
        """The symbols of all learned arrays, also of one that the first step of a recurrent layer multiplies by zero."""
        return tuple(symbol for _, _, symbol in self.weights())

    @cached_property
    def values(self) -> dict[Any, Any]:
        """The given numbers by symbol, sizes compared."""
        known = {s.name.removesuffix(BAR): s for s in (*self.inputs, self.y, *self.parameters)}
        filters = {symbol: weight.shape for _, weight, symbol in self.weights() if len(weight.shape) > 2}
        out = self.run[-1][0].out
        tensors = {
            **filters,
            **({self.x: self.shape} if self.is_image else {}),
            **({self.y: out} if len(out) == 3 else {}),
        }
        found: dict[Any, Any] = {}
        for name, nested in self.given.values.items():
            if name not in known:
                raise GivenError(f"the network has no '{name}'; it has {', '.join(known)}", ("given", "values", name))
            symbol = known[name]
            matrix = as_matrix(in_columns(nested, tensors[symbol]) if symbol in tensors else nested)
            shape = tuple(self.batch if not d.is_Integer else d for d in symbol.shape)
            if matrix.shape != shape and not (matrix.shape == shape[::-1] and 1 in shape):
                raise GivenError(
                    f"{name} is {matrix.shape[0]} x {matrix.shape[1]}, but this network needs {shape[0]} x {shape[1]}",
                    ("given", "values", name),
                )
            found[symbol] = matrix if matrix.shape == shape else matrix.T
        if not self.given.draw:
            return found
        rest = [symbol for symbol in known.values() if symbol not in found]
        return {**drawn(rest, self.given.draw, lambda d: int(self.batch if not d.is_Integer else d)), **found}

    @property
    def inputs(self) -> list[Any]:
        """What is put in: the input (or its steps), and the states before the first step that are given."""
        _ = self.run
        return [
            *(self.steps if len(self.shape) == 2 and not self.row else [self.x]),
            *(s for s, *_ in self.initial.values()),
        ]

    @property
    def has_numbers(self) -> bool:
        """Whether the forward pass can be computed."""
        if not (self.given.values or self.given.draw):
            return False
        if self.given.draw and not self.batch.is_Integer and self.row and len(self.shape) == 1:
            raise GivenError("say how many examples are drawn: network: {batch: 2, ...}", ("given", "network"))
        missing = [s.name.removesuffix(BAR) for s in (*self.inputs, *self.parameters) if s not in self.values]
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
            observed += [(s, (INSIDE, place.path, letter)) for s, letter in step.letters.items() if s != step.output]
            if getattr(place.layer, "mode", "") == "train":
                observed.append((step.mask(), ("mask", place.path)))
        observed += [(s, ("initial", path, letter)) for s, path, letter in self.initial.values()]
        observed += [(s, ("weight", p.path, w)) for p, w, s in self.weights()]
        loss = None
        if self.given.loss is not None:
            loss = self.loss
            observed += [(self.y, ("target",)), (self.L, ("loss",))]
        held = {symbol for symbol, _ in observed}
        definitions = tuple((s, e) for s, e in self.definitions if s not in held)
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
    def in_graph(self) -> frozenset[Any]:
        """The symbols through which torch's run passes, so that autograd differentiates in them."""
        return frozenset(symbol for symbol, tag in self.world.observed if tag[0] != INSIDE)

    @cached_property
    def numeric_world(self) -> StackRun:
        """The same with the given numbers."""
        return replace(self.world, values=tuple(self.values.items()))

    def counting(self, observed: list[tuple[Any, tuple[Any, ...]]]) -> StackRun:
        """A world in which things are counted and measured only."""
        return StackRun(self.layers, self.shape, self.convention, None, None, tuple(observed), sizes_only=True)


def in_columns(nested: Any, shape: tuple[int, ...]) -> Any:
    """A tensor as it is written (its only channel may go without brackets) as a matrix: a column for each channel or filter,
    with its entries one after another; anything else as it is."""
    parts = nested if shape_of(nested) == tuple(shape) else (nested,)
    return tuple(zip(*map(entries_of, parts), strict=True)) if shape_of(parts) == tuple(shape) else nested


def entries_of(nested: Any) -> tuple[Any, ...]:
    """The numbers of nested tuples, one after another."""
    return tuple(entry for part in nested for entry in entries_of(part)) if isinstance(nested, tuple) else (nested,)


def shape_of(nested: Any) -> tuple[int, ...]:
    """The sizes of nested tuples."""
    return (len(nested), *shape_of(nested[0])) if isinstance(nested, tuple) else ()


def is_stack(given: Any) -> bool:
    """Whether the network needs this road: rows, a batch, or layers other than dense ones on a vector."""
    network = given.network
    if network is None:
        return False
    return bool(network.convention or network.batch or "X" in given.values or isinstance(network.input, tuple)) or any(
        type(layer) is not Dense for layer in network.layers
    )


def stack_of(given: Any) -> Stack:
    """The stack that is given; raises GivenError where layers do not fit."""
    if given.network is None:
        raise GivenError("this question needs a network", ("given",))
    stack = Stack(given)
    _ = stack.convention, stack.places
    return stack
