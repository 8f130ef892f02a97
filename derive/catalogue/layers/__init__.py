"""The layers, a few classes of one kind a file."""

from derive.catalogue.layers import attention as attention
from derive.catalogue.layers import convolution as convolution
from derive.catalogue.layers import dense as dense
from derive.catalogue.layers import normalisation as normalisation
from derive.catalogue.layers import pool as pool
from derive.catalogue.layers import recurrent as recurrent
from derive.catalogue.layers import structure as structure
