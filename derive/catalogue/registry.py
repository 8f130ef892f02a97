"""A registry gives YAML names to classes; a name taken twice is an error that names both files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from derive.errors import Bug


class Registry(Mapping[str, type]):
    """Maps the word that authors write to the frozen dataclass that it stands for."""

    def __init__(self, kind: str):
        self.kind = kind
        self._classes: dict[str, type] = {}

    def __call__(self, name: str, *aliases: str) -> Callable[[type], type]:
        """Class decorator: registers the class under `name` (which becomes its attribute `name`) and its aliases."""

        def register(cls: Any) -> type:
            for word in (name, *aliases):
                if word in self._classes:
                    other = self._classes[word]
                    raise Bug(f"{self.kind} '{word}' is defined in {other.__module__} and in {cls.__module__}")
                self._classes[word] = cls
            cls.name = name
            return cls

        return register

    def __getitem__(self, name: str) -> type:
        return self._classes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)


losses = Registry("loss")
optimisers = Registry("optimizer")
layers = Registry("layer")
