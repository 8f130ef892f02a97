"""Programs as ruff formats them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path


def formatted(text: str) -> str:
    """As ruff formats it, where ruff is there."""
    ruff = shutil.which("ruff") or str(Path(sys.executable).with_name("ruff"))
    try:
        done = subprocess.run(
            [ruff, "format", "--line-length", "120", "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return text
    return done.stdout
