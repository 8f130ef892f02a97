"""Every observer and every checker, by name; importing this file registers them."""

import warnings

from derive.checks import definitions as definitions
from derive.checks import drawings as drawings
from derive.checks import dropout_run as dropout_run
from derive.checks import formulas as formulas
from derive.checks import identity as identity
from derive.checks import inequality as inequality
from derive.checks import layer_run as layer_run
from derive.checks import limits as limits
from derive.checks import loss_run as loss_run
from derive.checks import network_run as network_run
from derive.checks import optimiser_run as optimiser_run
from derive.checks import optimum as optimum
from derive.checks import stack_run as stack_run
from derive.checks import unbounded as unbounded
from derive.checks.referee import check as check
from derive.derivation import Claim
from derive.report import Verdict


def judge(claim: Claim, seed: int = 0) -> Verdict:
    """`check`, where what torch cannot evaluate (a singular matrix, sizes that do not fit) counts as refuted."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch's advice on speed; what is wrong is refuted
            return check(claim, seed)
    except (RuntimeError, ValueError) as error:
        if isinstance(error, RecursionError | NotImplementedError):  # says nothing of the claim
            raise
        if "allocate" in str(error):
            raise MemoryError(str(error)) from error
        return Verdict(False, "evaluated in torch", 0, float("inf"), f"torch could not evaluate it: {error}"[:200])
