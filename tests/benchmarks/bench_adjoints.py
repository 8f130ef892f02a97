"""How the derivation of a network's gradients grows with its depth. Run: python tests/benchmarks/bench_adjoints.py

Prints the time for each depth and its ratio to the depth before; a ratio of 2 for twice the layers is linear growth.
"""

from __future__ import annotations

from time import perf_counter
from types import SimpleNamespace

from derive.algebra.adjoints import adjoints
from derive.catalogue.layers.dense import Dense
from derive.problem.types import Activation
from derive.topics.network import Net


class SquaredError:
    """The loss of the benchmark."""

    name, on, reduction = "mse", "elements", "mean"

    def term(self, target, output):
        return (output - target) ** 2


def seconds(depth: int) -> float:
    """The best of three derivations of every gradient of a net of this many tanh layers."""
    layer = Dense(3, Activation("tanh"), repeat=depth)
    best = float("inf")
    for _ in range(3):
        net = Net(SimpleNamespace(network=SimpleNamespace(input=3, layers=(layer,)), loss=SquaredError(), values={}))
        start = perf_counter()
        found = adjoints(net.definitions, net.L, {unit.z: unit.delta for unit in net.units})
        best = min(best, perf_counter() - start)
        if not all(p in found for p in net.parameters):
            raise SystemExit("a parameter has no gradient")
    return best


if __name__ == "__main__":
    seconds(2)
    before = None
    for depth in (6, 12, 25, 50, 100):
        took = seconds(depth)
        ratio = "" if before is None else f"  x {took / before:.2f}"
        print(f"{depth:4d} layers  {1000 * took:8.1f} ms{ratio}")
        before = took
