"""Worlds: where the values of a claim's symbols come from. Data only; the referee builds each in torch (checks/).

`observed` pairs a symbol of the solution with a tag that says which quantity of the torch run it names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from derive.derivation import World

Observed = tuple[tuple[Any, tuple[Any, ...]], ...]


@dataclass(frozen=True)
class Formulas(World):
    """Free symbols at random points of their domains, then `definitions` evaluated in order.

    Domains by name: 'real', 'small', 'positive', 'unit' (0 to 1), 'integer', 'binary', 'probabilities', 'one_hot'; a symbol
    without one takes what SymPy's assumptions say. Symbolic sizes are random small integers; those in `small` are less
    than all others (as many data as parameters at least). A domain can also be a range of numbers: 'range(-1, 1)' without
    its ends, 'at_least(1)' with it. Points at which one of the `conditions` does not hold are not drawn: relations such
    as x > 0, or arrays that must have full column rank.
    """

    definitions: tuple[tuple[Any, Any], ...] = ()
    domains: tuple[tuple[Any, str], ...] = ()
    small: tuple[Any, ...] = ()
    conditions: tuple[Any, ...] = ()


@dataclass(frozen=True)
class NetworkRun(World):
    """A network of torch.nn run forward and backward on one example.

    Tags: ('input',), ('target',), ('weight', l), ('bias', l), ('pre_activation', l), ('activation', l), ('loss',),
    and ('parameters',), ('weights',) for counts; l counts layers from 0. `values` fixes symbols to arrays
    of exact numbers; the rest is random. With `sizes_only` torch follows the sizes and makes no numbers.
    """

    network: Any
    loss: Any
    observed: Observed
    values: tuple[tuple[Any, Any], ...] = ()
    sizes_only: bool = False


@dataclass(frozen=True)
class LossRun(World):
    """A loss of torch.nn.functional on given targets and outputs (nested tuples of exact numbers), or, without
    targets, on one random element that suits the loss (one example of `outputs` classes, where it sums over classes).

    Tags: ('loss',), ('element', i) for the i-th term before the reduction, ('target', i), ('output', i), where
    i is an index or, in rows, a pair of them, counted from 0; ('targets',), ('outputs',) for the first row as a
    sequence. `outputs_are` is 'outputs', 'probabilities' or 'logits'.
    """

    loss: Any
    targets: Any
    outputs: Any
    observed: Observed
    outputs_are: str = "outputs"


@dataclass(frozen=True)
class OptimiserRun(World):
    """An optimiser of torch.optim stepped on given gradients from a start; without gradients, on random ones, with
    random hyper-parameters.

    Tags: ('parameter', k), ('gradient', k), ('state', NAME, k), k a step (0 is the start) or 'now' or 'before';
    ('gradients',) for the sequence of them, ('hyper', NAME), ('time',) for the number of steps.
    """

    optimiser: Any
    gradients: Any
    start: Any
    observed: Observed


@dataclass(frozen=True)
class MomentRun(World):
    """An optimiser of torch.optim stepped on a random gradient whose moments do not change with time.

    `mean` and `second_moment` are numbers, or None for random ones; `at` are the steps to look at, none for one random
    step. Tags: ('state', NAME, k) names a state after step k of `at` (or 'now'), whose expectation is observed;
    ('mean',), ('second_moment',), ('time',), ('hyper', NAME), and ('gradients',), the sequence of gradients.
    """

    optimiser: Any
    mean: Any
    second_moment: Any
    at: tuple[int, ...]
    observed: Observed


@dataclass(frozen=True)
class LayerRun(World):
    """A layer of torch.nn given a tensor of these sizes (channels first), or these arrays of numbers.

    Tags: ('output',) and ('output', 'channels_last') for the tensor that comes out, ('output', k) for the k-th of
    several arrays, ('input', k); ('output_size', axis), axis 0 for channels, 1 for height, 2 for width; ('parameters',),
    ('weights',), ('biases',); ('given', n) for a number that the problem gives.
    """

    layer: Any
    sizes: tuple[int, ...]
    arrays: Any
    observed: Observed


@dataclass(frozen=True)
class CountRun(World):
    """Stacks of linear layers of torch.nn, counted: `before` and `after` are the fixed sizes around a block of `depth`
    layers of `width` units; without depth and width these are random, and so are the sizes next to the block.

    Tags: ('size', NAME) with NAME one of inputs, outputs, depth, width; ('count', WHAT) with WHAT weights, biases or
    parameters; ('growth', WHAT, BY) with BY depth or width: how much one more adds.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    depth: int | None
    width: int | None
    bias: bool
    observed: Observed


@dataclass(frozen=True)
class StackRun(World):
    """Any stack of layers of torch.nn, run forward and backward on a batch (or one example) and counted.

    `layers` are the catalogue's, blocks included; `input` is the shape of one example; `convention` says whether examples
    are rows or one is a column; `batch` is the number of rows, a size symbol where it is free. `values` fixes symbols to
    exact arrays; the rest is random. `optimiser` with `steps` updates the weights; `penalty` is
    ('l1' or 'l2', rate) on all weights; `plus` are further losses, each with its factor. Tags: ('input',), ('step', t),
    ('target',), ('batch',),
    ('weight', PATH, WEIGHT) with a filter in each column, ('whole', PATH, WEIGHT) as torch keeps it, ('input page',) and
    ('page', PATH) for an image with a row for each place, ('after', k, PATH, WEIGHT) for k updates, ('output', PATH),
    ('mask', PATH), ('initial', PATH, LETTER) for a state before the first step, ('inside', PATH, LETTER) for a quantity of
    the layer's equations that torch's functions give, ('loss',), ('count', PATH, KIND), ('operations', PATH),
    ('receptive', PATH), with PATH places in the
    stack joined by dots, '' for all of it. `definitions` are evaluated on top, in order. With `sizes_only` torch follows the
    sizes and makes no numbers.
    """

    layers: tuple[Any, ...]
    input: tuple[int, ...]
    convention: str
    batch: int | None
    loss: Any
    observed: Observed
    values: tuple[tuple[Any, Any], ...] = ()
    definitions: tuple[tuple[Any, Any], ...] = ()
    optimiser: Any = None
    steps: int = 0
    penalty: tuple[tuple[str, Any], ...] = ()
    plus: tuple[tuple[Any, Any], ...] = ()
    sizes_only: bool = False


@dataclass(frozen=True)
class DropoutRun(World):
    """torch.nn.Dropout on many copies of one number while training; `p` is the probability of zero, None for a random one.

    Tags: ('input',), ('probability',), ('output',), whose expectation is sampled, and those of its square and of
    its squared distance from the input.
    """

    p: Any
    observed: Observed
