"""The optimisers, one family a file."""

from derive.catalogue.optimisers import adagrad as adagrad
from derive.catalogue.optimisers import adam as adam
from derive.catalogue.optimisers import rmsprop as rmsprop
from derive.catalogue.optimisers import sgd as sgd
