"""Max and average pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from derive.algebra.nodes import Largest, Quotient, Terms
from derive.catalogue.registry import layers
from derive.problem.types import Padding, Pair


@layers("max_pool2d")
@dataclass(frozen=True)
class MaxPool2d:
    """The largest entry of each window; windows do not overlap unless a stride is given. PyTorch's MaxPool2d."""

    kernel: Pair
    stride: Pair | None = None
    padding: Padding = "valid"

    dilation: ClassVar[tuple[int, int]] = (1, 1)
    rule: ClassVar[str] = "the largest entry of the window"

    def window(self, entries: list[Any]) -> Any:
        """What a window becomes."""
        return Largest(*entries) if len(entries) > 1 else entries[0]


@layers("avg_pool2d")
@dataclass(frozen=True)
class AvgPool2d:
    """The mean of each window; windows do not overlap unless a stride is given. PyTorch's AvgPool2d."""

    kernel: Pair
    stride: Pair | None = None
    padding: Padding = "valid"

    dilation: ClassVar[tuple[int, int]] = (1, 1)
    rule: ClassVar[str] = "the mean of the window"

    def window(self, entries: list[Any]) -> Any:
        """What a window becomes."""
        return Quotient(Terms(*entries), len(entries)) if len(entries) > 1 else entries[0]
