"""The layers, one class a file."""

from derive.catalogue.layers import dense as dense
