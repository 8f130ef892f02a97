"""How many examples a property is tried on: the same ones on every machine, or fresh ones with `./build test --random N`."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

VARIABLE = "DERIVE_RANDOM"  # set by --random, and so handed on to the processes of pytest-xdist


def examples(count: int, **more: Any) -> settings:
    """The settings of a property: `count` examples that are always the same; with --random N, N that nobody has seen."""
    fresh = int(os.environ.get(VARIABLE) or 0)
    return settings(max_examples=fresh or count, derandomize=not fresh, deadline=None, print_blob=True, **more)
