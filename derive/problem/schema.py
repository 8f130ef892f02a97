"""The JSON Schema of problem files, from the models and the vocabulary."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import PydanticJsonSchemaWarning

from derive.problem.files import ProblemFile
from derive.problem.read import Vocabulary

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(vocabulary: Vocabulary) -> dict[str, Any]:
    """The schema of a problem file; editors complete words and show their docstrings with it."""
    schema = ProblemFile.model_json_schema()
    defs = schema.setdefault("$defs", {})
    kinds = {"loss": vocabulary.losses, "optimizer": vocabulary.optimisers, "question": vocabulary.questions}
    for kind, words in kinds.items():
        defs[kind] = _named(words)
    defs["layer"] = _layer(vocabulary.layers)
    given = defs["GivenFile"]["properties"]
    for kind in ("loss", "optimizer", "layer"):
        given[kind] = {"$ref": f"#/$defs/{kind}", "description": given[kind].get("description", "")}
    defs["NetworkFile"]["properties"]["layers"]["items"] = {"$ref": "#/$defs/layer"}
    schema["properties"]["ask"]["items"] = {"$ref": "#/$defs/question"}
    return {"$schema": DRAFT, **schema}


def _settings(cls: type) -> dict[str, Any]:
    """The schema of a class's settings, without what pydantic adds for itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)  # defaults are exact rationals, which JSON lacks
        schema = TypeAdapter(cls).json_schema()
    properties = {
        name: {k: v for k, v in p.items() if k not in ("title", "default")}
        for name, p in schema.get("properties", {}).items()
    }
    return {"type": "object", "properties": properties, "additionalProperties": False, "description": _words(cls)}


def _named(words: Mapping[str, type]) -> dict[str, Any]:
    """A word by itself, or a word with its settings (or with its first setting's value)."""
    alone = [{"const": name, "description": _words(cls)} for name, cls in words.items() if not _needs(cls)]
    properties = {}
    for name, cls in words.items():
        first = fields(cls)[:1]
        settings = _settings(cls)
        properties[name] = {"anyOf": [settings, settings["properties"][first[0].name]]} if first else settings
    mapping = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {"anyOf": [*alone, mapping]}


def _layer(words: Mapping[str, type]) -> dict[str, Any]:
    """A layer's word, its other settings beside it or below it."""
    forms: list[dict[str, Any]] = []
    for name, cls in words.items():
        settings = _settings(cls)
        names = [f.name for f in fields(cls)]
        first = settings["properties"].get(names[0], {}) if names else {}
        beside = {n: settings["properties"][n] for n in names[1:]}
        forms.append(
            {
                "type": "object", "required": [name], "additionalProperties": False, "description": _words(cls),
                "properties": {name: {"anyOf": [first, settings]}, **beside},
            }
        )  # fmt: skip
        if not _needs(cls):
            forms.append({"const": name})
    return {"anyOf": forms}


def _needs(cls: type) -> bool:
    """Whether the class has a setting without a default."""
    return any(f.default is MISSING and f.default_factory is MISSING for f in fields(cls))


def _words(cls: type) -> str:
    return " ".join((cls.__doc__ or "").split())
