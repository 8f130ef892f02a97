"""The two-dimensional convolution."""

from __future__ import annotations

from dataclasses import dataclass

from derive.catalogue.registry import layers
from derive.problem.types import Padding, Pair, Size


@layers("conv2d")
@dataclass(frozen=True)
class Conv2d:
    """`filters` kernels of kernel height x width over all input channels (of a group), each with a bias: PyTorch's Conv2d.

    The output has floor((H + 2P - D(K - 1) - 1)/S) + 1 rows (Dumoulin and Visin 2016); 'same' padding keeps the size.
    """

    filters: Size
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Padding = "valid"
    dilation: Pair = (1, 1)
    groups: Size = 1
    bias: bool = True
