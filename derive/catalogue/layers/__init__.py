"""The layers, one class a file."""

from derive.catalogue.layers import conv2d as conv2d
from derive.catalogue.layers import dense as dense
from derive.catalogue.layers import pool as pool
