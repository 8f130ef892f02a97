"""The losses, one class a file."""

from derive.catalogue.losses import binary_cross_entropy as binary_cross_entropy
from derive.catalogue.losses import cross_entropy as cross_entropy
from derive.catalogue.losses import hinge as hinge
from derive.catalogue.losses import huber as huber
from derive.catalogue.losses import kl_divergence as kl_divergence
from derive.catalogue.losses import mae as mae
from derive.catalogue.losses import mse as mse
