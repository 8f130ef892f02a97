"""How much rounding matters: the same computation again, in an arithmetic that rounds more coarsely.

Under `Coarse` every operation of torch, in the graph forwards and backwards, gets its inputs with a random relative error
of at most a given size (Monte Carlo arithmetic; Parker 1997). What comes out differs by about as much more than float64's
own error as that size is above float64's unit, so that the error of float64 is measured at the scale of its own terms: through
cancellation, an ill-conditioned inverse, or the way back of autograd. A result that does not come nearer as the size
shrinks lies on a jump, which this arithmetic cannot decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

UNIT = 2.0**-53
SIZES = (2.0**-40, 2.0**-46)  # relative errors of the coarse runs
RUNS = 4  # of each size: the chance that all of them are small by accident is small
SAFETY = 64.0
NOISE = 4.0
STEADY = 8.0  # between the two sizes an error of rounding shrinks 64-fold; one that shrinks less than this is a jump
DISCRETE = {
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "round",
    "floor",
    "sign",
    "sgn",
    "isnan",
    "isinf",
    "isneginf",
    "isfinite",
    "_local_scalar_dense",
}
MOVES = {"clone", "_to_copy", "copy_", "lift_fresh", "cat", "stack", "repeat"}  # numbers as they are: nothing rounds
EXACT = DISCRETE | MOVES
Tensor = torch.Tensor


def _largest(tensor: Tensor | None) -> Tensor:
    return torch.ones(()) if tensor is None else tensor.detach().abs().amax()


# Operations of torch that subtract inside: how large their terms are, of which the first result is a difference.
TERMS: dict[str, Callable[..., Tensor]] = {
    "native_layer_norm": lambda out, x, shape, weight, *_: _largest(x) * _largest(out[2]) * _largest(weight),
    "native_layer_norm_backward": lambda out, dy, x, shape, mean, rstd, weight, *_: (
        _largest(dy) * _largest(rstd) * _largest(weight)
    ),
    "native_batch_norm": lambda out, x, weight, *_: _largest(x) * _largest(out[2]) * _largest(weight),
    "native_batch_norm_backward": lambda out, dy, x, weight, mean, var, saved_mean, saved_rstd, *_: (
        _largest(dy) * _largest(saved_rstd) * _largest(weight)
    ),
}


class Coarse(TorchDispatchMode):
    """Each operation's inputs are off by random factors between 1 - size and 1 + size, and what it subtracts inside as well."""

    def __init__(self, size: float, seed: int):
        super().__init__()
        self.size, self.random = size, torch.Generator().manual_seed(seed)
        self.largest = 0.0  # of all numbers that an operation was given

    def __enter__(self) -> Coarse:
        ACTIVE.append(self)
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        ACTIVE.pop()
        super().__exit__(*error)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here, and loading the compiler takes seconds."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        schema = func._schema
        name = schema.name.rpartition("::")[2]
        if name in EXACT or any(a.alias_info for a in (*schema.arguments, *schema.returns)):
            return func(*args, **kwargs)
        try:
            found = func(*[self._off(arg) for arg in args], **kwargs)
        except torch.linalg.LinAlgError:
            raise
        except RuntimeError:  # a target of exactly 1 is the border of what the operation takes
            return self._off(func(*args, **kwargs))
        if name in TERMS and found[0] is not None and not found[0].is_meta:
            return (found[0] + TERMS[name](found, *args) * self._noise(found[0].shape), *found[1:])
        return found

    def _noise(self, shape: Any) -> Tensor:
        return self.size * (2 * torch.rand(shape, generator=self.random, dtype=torch.float64) - 1)

    def _off(self, arg: Any) -> Any:
        if isinstance(arg, list | tuple):
            return type(arg)(self._off(part) for part in arg)
        if not isinstance(arg, torch.Tensor) or arg.dtype != torch.float64 or arg.is_meta:
            return arg
        largest = float(arg.detach().abs().amax()) if arg.numel() else 0.0
        if not isfinite(largest):
            largest = float(torch.where(torch.isfinite(arg), arg.detach().abs(), 0.0).amax())
        self.largest = max(self.largest, largest)
        return arg * (1 + self._noise(arg.shape))


ACTIVE: list[Coarse] = []


def coarseness() -> float | None:
    """The size of the relative errors under which operations run just now; None where they run as they are."""
    return ACTIVE[-1].size if ACTIVE else None


@contextmanager
def draws_of_their_own(seed: int) -> Iterator[Coarse]:
    """Within, errors are drawn from this seed, whatever was drawn before: the same run comes out the same, so that it may be
    kept. Yields the mode, whose `largest` is then that of this run alone."""
    mode = ACTIVE[-1]
    random, largest = mode.random, mode.largest
    mode.random, mode.largest = torch.Generator().manual_seed(seed), 0.0
    try:
        yield mode
    finally:
        mode.random, mode.largest = random, max(largest, mode.largest)


def has_stood(largest: float) -> None:
    """A number as large as this stood in a run that was kept."""
    ACTIVE[-1].largest = max(ACTIVE[-1].largest, largest)


def rounding_error(run: Callable[[int], Tensor], value: Tensor) -> Tensor:
    """A bound of the error of rounding in each entry of `value` (a number of points), which `run` computes anew, so many times
    over one after another; infinite where float64 does not decide (on a jump, or where the coarse runs leave the domain)."""
    (coarse, _), (fine, largest) = (_spread(run, value, size) for size in SIZES)
    bound = SAFETY * torch.maximum(coarse * (UNIT / SIZES[0]), fine * (UNIT / SIZES[1]))
    jumps = (fine > coarse / STEADY) & (fine > 1e-9 * value.abs())
    jumps = jumps & (fine > NOISE * UNIT * largest)  # what rounds inside of one operation is not made coarser
    return torch.where(jumps | ~torch.isfinite(bound), float("inf"), bound)


def _again(run: Callable[[int], Tensor], value: Tensor) -> Tensor:
    again = run(1).detach()
    return again.expand(len(value), *again.shape[1:])


def _spread(run: Callable[[int], Tensor], value: Tensor, size: float) -> tuple[Tensor, float]:
    """How far the values of coarse runs lie from the value, and the largest number that stood in them."""
    with Coarse(size, SIZES.index(size)) as mode:
        again = run(RUNS).detach()
        if len(again) < RUNS * len(value):  # where nothing is drawn, copies are one run
            again = torch.cat(
                [again.expand(len(value), *again.shape[1:]), *(_again(run, value) for _ in range(RUNS - 1))]
            )
    if again.shape[1:] != value.shape[1:]:
        return torch.full_like(value, torch.inf), mode.largest
    again = again.reshape(RUNS, *value.shape) if len(again) == RUNS * len(value) else again.unsqueeze(0)
    gaps = torch.nan_to_num((again - value).abs(), nan=float("inf"))
    return torch.where(torch.isinf(value) & (again == value), 0.0, gaps).amax(0), mode.largest
