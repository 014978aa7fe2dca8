"""The schemas of the OpenAPI document: msgspec's, of the Structs, and those of what events say."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from tekana.application.event_schema import event_data_schema
from tekana.domain.events import EVENT_TYPES
from tekana_litestar.bodies import Body, Nothing
from tekana_litestar.fields import of_command
from tekana_litestar.queries import Query

Schema = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"


def reference(name: str) -> Schema:
    """Return a reference to a component."""
    return {"$ref": _REF.format(name=name)}


def components(kinds: Iterable[Any], bodies: Iterable[Body]) -> dict[str, Schema]:
    """Return the schemas of these Structs, of those inside them, of bodies, and of the data of each type of event."""
    bodies = list(bodies)
    commands = {kind for body in bodies for kind in body.kinds}
    _, found = msgspec.json.schema_components([Nothing, *kinds, *commands], ref_template=_REF)
    for schema in (schema for name, schema in found.items() if name not in {kind.__name__ for kind in commands}):
        schema["properties"] = _changed(schema.get("properties", {}), _opened)
    for kind in commands:
        for name, field in found[kind.__name__].get("properties", {}).items():
            field.update(of_command(name) | field)
    for body in bodies:
        if body.name and body.without and not body.may_be_absent:
            found[body.name] = _rest(found[body.kinds[0].__name__], body)
    for body in bodies:
        if body.without:
            found.pop(body.kinds[0].__name__, None)
    of_events = {f"{name}Data": {"title": f"{name}Data", **event_data_schema(name)} for name in EVENT_TYPES}
    return {name: _completed(schema) for name, schema in sorted((found | of_events).items())}


def _rest(schema: Schema, body: Body) -> Schema:
    """Return the schema of what remains of a command without what comes from elsewhere."""
    properties = {name: one for name, one in schema["properties"].items() if name not in body.without}
    required = [name for name in schema["required"] if name in properties]
    changed = {"title": body.name, "description": body.doc, "properties": properties, "required": required}
    return schema | changed


def body_schema(body: Body) -> Schema:
    """Return the schema of a body: a reference, or alternatives with their discriminator."""
    if len(body.kinds) == 1:
        return reference(body.name or body.kinds[0].__name__)
    tags = {kind.__struct_config__.tag: reference(kind.__name__) for kind in body.kinds}
    field = body.kinds[0].__struct_config__.tag_field
    mapping = {tag: one["$ref"] for tag, one in tags.items()}
    return {"anyOf": list(tags.values()), "discriminator": {"propertyName": field, "mapping": mapping}}


def parameters(kind: type[Query]) -> list[Schema]:
    """Return the query parameters of a route."""
    _, found = msgspec.json.schema_components([kind], ref_template=_REF)
    own = found[kind.__name__]
    needed = own.get("required", ())
    return [
        _parameter(name, _changed(schema, _typed), is_required=name in needed)
        for name, schema in own.get("properties", {}).items()
    ]


def _parameter(name: str, schema: Schema, *, is_required: bool) -> Schema:
    # The documentation page would send each example along, and the first value of each enumeration that has no default:
    # so examples of what may be left out are in the words, and enumerations are inside another schema.
    [example] = schema.pop("examples", [None])
    such_as = f" Such as `{example}`." if example and not is_required else ""
    described: Schema = {"name": name, "in": "query", "description": schema.pop("description") + such_as}
    if is_required:
        return {**described, "required": True, "schema": schema, **({"example": example} if example else {})}
    if schema.get("type") == "object":
        described |= {"style": "deepObject", "explode": True}
    if "enum" in schema and "default" not in schema:
        schema = {"anyOf": [schema]}
    return {**described, "schema": schema}


def _changed(schema: Any, change: Callable[[Schema], Schema]) -> Any:
    """Return the schema with a change to it and to each one inside it."""
    if isinstance(schema, list):
        return [_changed(one, change) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return change({name: _changed(value, change) for name, value in schema.items()})


def _opened(schema: Schema) -> Schema:
    """Return a schema of what is returned without its enumeration: clients have to accept values that come later."""
    values = [one for one in schema.get("enum", ()) if isinstance(one, str)]
    if not values:
        return schema
    return {"type": "string", "examples": values, **{name: one for name, one in schema.items() if name != "enum"}}


def _completed(schema: Schema) -> Schema:
    if "description" in schema:
        # What is said about attributes is for those who call the core; over HTTP, the fields say it.
        schema["description"] = inspect.cleandoc(schema["description"]).partition("\n\nAttributes:")[0]
    for own in schema.get("properties", {}).values():
        if "anyOf" in own and own.get("type") == "object":  # what an event says: one of these, or another object
            del own["type"]
        if own.get("default", ...) is None:
            del own["default"]  # some generators of clients take a field with a default for one that is always there
    typed: Schema = _changed(schema, _typed)
    return typed


def _typed(schema: Schema) -> Schema:
    """Return a schema with the type of its enumeration, which msgspec leaves out: ours are text."""
    if "type" not in schema and all(isinstance(one, str) for one in schema.get("enum", [None])):
        return {"type": "string", **schema}
    if None in schema.get("enum", ()):
        return {"type": ["string", "null"], **schema}
    return schema
