"""Question kinds by the word that authors write under `ask`."""

from __future__ import annotations

from typing import Any, Protocol

from derive.catalogue.registry import Registry
from derive.derivation import Derivation

questions = Registry("question")


class Question(Protocol):
    """A question kind: a frozen dataclass whose fields are the author's settings."""

    def derive(self, given: Any) -> Derivation:
        """The worked solution from what is given; raises GivenError where something needed is missing or unfit."""
        ...
