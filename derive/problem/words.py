"""Words of the vocabulary to instances: `huber`, `{huber: {delta: 1}}` and `{conv2d: ...}` all resolve here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from derive.errors import did_you_mean, one_of

Report = Callable[[tuple[Any, ...], str, bool], None]  # path, message, whether the key is meant


def resolve(
    kind: str, words: Mapping[str, type], value: Any, path: tuple[Any, ...], report: Report, siblings: bool = False
) -> Any:
    """The instance that a word with its settings stands for, or None after reporting what is wrong.

    With `siblings`, other fields may stand beside the word: {dense: 3, activation: relu}.
    """
    if isinstance(value, str):
        word, settings, beside, inner = value, None, {}, path
    elif isinstance(value, dict) and value:
        found = [key for key in value if key in words]
        word = found[0] if found else next(iter(value))
        settings, inner = value[word], (*path, word)
        beside = {key: v for key, v in value.items() if key != word}
        if len(found) > 1:
            report(
                (*path, found[1]),
                f"two {kind}s in one place: '{found[0]}' and '{found[1]}'; make them two entries",
                True,
            )
            return None
        if beside and not siblings and found:
            report(
                (*path, next(iter(beside))),
                f"settings of '{word}' go below it: {word}: {{{next(iter(beside))}: ...}}",
                True,
            )
            return None
    else:
        report(
            path, f"a {kind} is needed here: a word, or a mapping of the word to its settings {one_of(words)}", False
        )
        return None
    if word not in words:
        report(inner, f"unknown {kind} '{word}'{did_you_mean(word, words)} {one_of(words)}", isinstance(value, dict))
        return None
    return _instance(words[word], word, settings, beside, (path, inner), report)


def _instance(
    cls: type, word: str, settings: Any, beside: dict[str, Any], paths: tuple[Any, Any], report: Report
) -> Any:
    outer, inner = paths
    places: dict[str, tuple[Any, ...]] = {key: (*outer, key) for key in beside}
    names = [f.name for f in fields(cls)] if is_dataclass(cls) else []
    given = dict(beside)
    if isinstance(settings, dict) and not (len(names) == 1 and _is_value(cls, names[0], settings)):
        given.update(settings)
        places.update({key: (*inner, key) for key in settings})
    elif settings is not None:
        if not names:
            report(inner, f"'{word}' has no settings", False)
            return None
        given[names[0]] = settings
        places[names[0]] = inner
    unknown = [key for key in given if key not in names]
    if unknown and not names:
        report(places[unknown[0]], f"'{word}' has no settings", True)
        return None
    for key in unknown:
        report(places[key], f"'{word}' has no setting '{key}'{did_you_mean(key, names)} {one_of(names)}", True)
    for f in fields(cls):
        if f.name not in given and f.default is MISSING and f.default_factory is MISSING:
            report(inner, f"'{word}' needs '{f.name}'", True)
            return None
    if unknown:
        return None
    try:
        return TypeAdapter(cls).validate_python(given)
    except ValidationError as fault:
        for error in fault.errors():
            where = places.get(str(error["loc"][0]), inner) if error["loc"] else inner
            report((*where, *error["loc"][1:]), plain_message(error), False)
        return None


def _is_value(cls: type, name: str, settings: dict[str, Any]) -> bool:
    """Whether a mapping is the value of the only setting itself, and not settings by name."""
    if name in settings:
        return False
    try:
        TypeAdapter(cls).validate_python({name: settings})
    except ValidationError:
        return False
    return True


def plain_message(error: Any) -> str:
    """Pydantic's message in plain words."""
    kind, context = error["type"], error.get("ctx", {})
    allowed = re.findall(r"'([^']*)'", str(context.get("expected", "")))
    given = error.get("input")
    words = {
        "missing": f"'{error['loc'][-1] if error['loc'] else ''}' is missing",
        "int_type": "a whole number is needed here",
        "int_from_float": "a whole number is needed here",
        "int_parsing": "a whole number is needed here",
        "bool_type": "true or false is needed here",
        "bool_parsing": "true or false is needed here",
        "list_type": "a list is needed here",
        "tuple_type": "a list is needed here",
        "dict_type": "a mapping is needed here",
        "model_type": "a mapping is needed here",
        "model_attributes_type": "a mapping is needed here",
        "string_type": "text is needed here",
        "literal_error": f"unknown '{given}'{did_you_mean(str(given), allowed)} {one_of(allowed)}",
        "greater_than_equal": f"at least {context.get('ge')} is needed here, not {error.get('input')}",
        "less_than_equal": f"at most {context.get('le')} is allowed here, not {error.get('input')}",
        "greater_than": f"more than {context.get('gt')} is needed here, not {given}",
        "less_than": f"less than {context.get('lt')} is needed here, not {given}",
        "float_type": "a number is needed here",
        "float_parsing": "a number is needed here",
        "too_long": f"at most {context.get('max_length')} may stand here, not {context.get('actual_length')}",
        "too_short": "an empty list; at least one entry is needed",
        "string_too_short": "empty text",
        "string_too_long": "this text is too long",
    }
    return words.get(kind) or str(error["msg"]).removeprefix("Value error, ")


def formula_fields(instance: Any, marker: type) -> list[str]:
    """The fields of a dataclass instance that carry a marker in their annotation."""
    hints = get_type_hints(type(instance), include_extras=True)
    marked = []
    for f in fields(instance):
        metadata = getattr(hints[f.name], "__metadata__", ())
        if any(isinstance(m, marker) for m in metadata):
            marked.append(f.name)
    return marked
