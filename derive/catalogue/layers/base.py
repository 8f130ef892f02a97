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

    def equations(self, step: Any) -> None:
        """Its forward equations, told to `step`; raises NotDerivable where matrix notation has none."""
        raise NotDerivable(f"forward equations of {self.name} in matrix notation")

    def twin(self, shape: Shape) -> dict[str, Any]:
        """The arguments with which the twin is made."""
        return {}


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


def expanded(listed: Any, shape: Shape) -> tuple[Any, ...]:
    """The layers with blocks replaced by what they are made of, for an input of this shape."""
    found: list[Any] = []
    for layer in listed:
        parts = layer.expanded(shape)
        found += parts if parts == (layer,) else expanded(parts, shape)
        shape = layer.out(shape)
    return tuple(found)
