"""What a layer says about itself: sizes, weights, operations, equations, and its twin in torch, each in its own words.

One class a layer is all that derive needs: questions ask these methods, gradients come from the calculus engine, and the
referee builds the twin by its name. `.github/CONTRIBUTING.md` adds one step by step.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from derive.errors import NotDerivable

Shape = tuple[int, ...]  # of one example: (features,), (positions, features), (channels, height, width)

MOST_LAYERS = 1_000  # repetitions counted


@dataclass(frozen=True)
class Weight:
    """A learned array: its letter, its shape on the page, and where torch keeps it.

    `torch` is the parameter's path in the twin; it is the page's array, or its transpose (`transposed`), or one of `parts`
    equal blocks of its rows, or columns for `axis` 1 (`part` counts from 0).
    """

    letter: str
    shape: Shape
    torch: str
    transposed: bool = False
    part: int = 0
    parts: int = 1
    axis: int = 0
    is_bias: bool = False

    @property
    def count(self) -> int:
        """How many numbers are in it."""
        return prod(self.shape)


class Layer:
    """Base of the layers: a layer that changes nothing and has nothing to learn."""

    name: ClassVar[str]
    torch: ClassVar[str] = "torch.nn.Identity"
    call: ClassVar[str] = "plain"  # how the twin is called: plain, attention, recurrent
    conventions: ClassVar[tuple[str, ...]] = ("row", "column")
    in_words: ClassVar[str] = ""  # what it does, for tables
    observable: ClassVar[str] = ""  # letters of quantities inside of it that torch's own functions give
    least_rows: ClassVar[int] = 1  # examples (or places of an image) without which it cannot be trained

    def expanded(self, shape: Shape) -> tuple[Any, ...]:
        """The layers of which it is made for an input of this shape; itself for a layer of its own kind."""
        return (self,)

    def out(self, shape: Shape) -> Shape:
        """The shape of its output; raises ValueError in words where the input does not suit it."""
        return shape

    def weights(self, shape: Shape, row: bool) -> tuple[Weight, ...]:
        """Its learned arrays, for an input of this shape, in the row or the column convention."""
        return ()

    def operations(self, shape: Shape) -> tuple[tuple[Any, str], ...]:
        """Products of sizes that add up to its multiplications (each with one addition), with words for each."""
        return ()

    def window(self) -> tuple[int, int] | None:
        """How far it looks and how far it steps, where it works in windows: for the receptive field."""
        return None

    def rows_seen(self, first: int, last: int, shape: Shape) -> tuple[int, int]:
        """The rows of its input (of this shape) on which rows first to last of its output depend, on an image without end;
        none where the second is the smaller. Raises NotDerivable where a layer looks at rows in no such way."""
        raise NotDerivable(f"a receptive field through {self.name}")

    def equations(self, step: Any) -> None:
        """Its forward equations, told to `step`; raises NotDerivable where matrix notation has none."""
        raise NotDerivable(f"forward equations of {self.name} in matrix notation")

    def twin(self, shape: Shape) -> dict[str, Any]:
        """The arguments with which the twin is made."""
        return {}


class PlaceByPlace(Layer):
    """A layer of which each entry of the output looks at one place of the input (its statistics, if any, taken as given)."""

    learns: ClassVar[bool] = False

    def rows_seen(self, first: int, last: int, shape: Shape) -> tuple[int, int]:
        return first, last


def seen_through(layers: Any, first: int, last: int, shape: Shape) -> tuple[int, int]:
    """The rows of what goes into the first of these layers on which rows first to last of the last one's output depend."""
    shapes = [shape]
    for layer in layers:
        shapes.append(layer.out(shapes[-1]))
    for layer, before in zip(reversed(layers), reversed(shapes[:-1]), strict=True):
        if first > last:
            break
        first, last = layer.rows_seen(first, last, before)
    return first, last


def united(ranges: Any) -> tuple[int, int]:
    """From the first to the last row of several ranges; empty ones do not count."""
    kept = [(a, b) for a, b in ranges if a <= b]
    return (min(a for a, _ in kept), max(b for _, b in kept)) if kept else (0, -1)


def features(shape: Shape, name: str) -> int:
    """The number of features of the last axis; ValueError for images."""
    if len(shape) > 2:
        raise ValueError(f"{name} takes vectors; put 'flatten' before it")
    return shape[-1]


def image(shape: Shape, name: str, rank: int = 3) -> Shape:
    """The shape itself where it is (channels, height, width), or (channels, length) for rank 2."""
    if len(shape) != rank:
        wanted = "channels, height and width" if rank == 3 else "channels and length"
        raise ValueError(f"{name} takes {wanted}, not {' x '.join(map(str, shape))}")
    return shape


@dataclass(frozen=True)
class Numbered:
    """A layer of its own kind: its number in the author's list (repetitions counted), and which part of the author's layer
    it is, as a letter, where that one is made of several that learn."""

    layer: Any
    number: int
    part: str = ""


def refuse_many(listed: Any) -> None:
    """Raises ValueError where layers are repeated so often that nobody would look at them one by one."""
    count = sum(getattr(layer, "repeat", 1) for layer in listed)
    if count > MOST_LAYERS:
        raise ValueError(f"{count:,} layers; up to {MOST_LAYERS:,} are worked out one by one")


def numbered(listed: Any, shape: Shape) -> list[Numbered]:
    """The layers with blocks replaced by what they are made of, for an input of this shape."""
    refuse_many(listed)
    found: list[Numbered] = []
    number = 0
    for layer in listed:
        repeat = getattr(layer, "repeat", 1)
        parts = _parts(layer, shape)
        size = len(parts) // repeat
        for _ in range(repeat):
            number += 1
            found += _lettered(parts[:size], number)
            parts = parts[size:]
        shape = layer.out(shape)
    return found


def _parts(layer: Any, shape: Shape) -> list[Any]:
    found: list[Any] = []
    for part in layer.expanded(shape):
        found += [part] if part == layer else _parts(part, shape)
        shape = part.out(shape)
    return found


def _lettered(parts: list[Any], number: int) -> list[Numbered]:
    """An activation has the letter of what stands before it."""
    places = [k for k, part in enumerate(parts) if not isinstance(part, PlaceByPlace) or part.learns]
    if len(places) < 2:
        return [Numbered(part, number) for part in parts]
    letters = [chr(ord("a") + max(sum(place <= k for place in places) - 1, 0)) for k in range(len(parts))]
    return [Numbered(part, number, letter) for part, letter in zip(parts, letters, strict=True)]


def expanded(listed: Any, shape: Shape) -> tuple[Any, ...]:
    """The layers with blocks replaced by what they are made of, for an input of this shape."""
    return tuple(item.layer for item in numbered(listed, shape))
