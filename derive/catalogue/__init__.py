"""Layers, losses and optimisers: what has parameters, one class a file."""

from derive.catalogue import layers as layers
from derive.catalogue import losses as losses
from derive.catalogue import optimisers as optimisers
