"""The JSON Schema of a spec, generated from the declarations of its fields."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from modelarts_export.request.models import SpecMetadata, ToNewDataset, ToObs

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DESCRIPTION = (
    "The body of a request that creates a ModelArts export task, together with dataset_id, project_id and "
    "name. Validation also checks what a schema cannot: rules between fields, the length of a path and its "
    "letters beyond ASCII, dates, and how a number is written. "
    "A string may contain ${NAME}, the value of a variable that is passed by name."
)
_PLACEHOLDER = r"\$\{"  # a string with ${NAME} in it can have any value
_INTERPOLATED = {"type": "string", "pattern": _PLACEHOLDER}


def make_spec_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of a spec of either kind."""
    _, schema = models_json_schema(
        [(ToObs, "validation"), (ToNewDataset, "validation")], schema_generator=_Generator
    )
    definitions = schema["$defs"]
    metadata = SpecMetadata.model_json_schema(schema_generator=_Generator)["properties"]
    for kind in (ToObs, ToNewDataset):
        definition = definitions[kind.__name__]
        definition["title"] = f"spec of an export {kind.dest.meaning}"
        definition["properties"] = {**metadata, **definition["properties"]}
    return {
        "$schema": _DRAFT,
        "title": "spec of modelarts-export",
        "description": _DESCRIPTION,
        **_choose_kind(),
        "$defs": definitions,
    }


def _choose_kind() -> dict[str, Any]:
    """Return a condition on `export_params.export_dest`; an interpolated one may be of either kind."""
    to_obs, to_new_dataset = ({"$ref": f"#/$defs/{kind.__name__}"} for kind in (ToObs, ToNewDataset))
    unknown = _match_dest(_INTERPOLATED, {"anyOf": [to_obs, to_new_dataset]}, otherwise=to_obs)
    dest = {"type": "string", "pattern": f"^({ToNewDataset.dest.pattern})$"}
    return _match_dest(dest, to_new_dataset, otherwise=unknown)


def _match_dest(
    dest: JsonSchemaValue, then: JsonSchemaValue, *, otherwise: JsonSchemaValue
) -> JsonSchemaValue:
    params = {"type": "object", "properties": {"export_dest": dest}, "required": ["export_dest"]}
    condition = {"type": "object", "properties": {"export_params": params}, "required": ["export_params"]}
    return {"if": condition, "then": then, "else": otherwise}


class _Generator(GenerateJsonSchema):
    """Generates fields in the order of their declaration, without pydantic's titles and defaults."""

    def generate_inner(self, schema: Any) -> JsonSchemaValue:  # noqa: ANN401 - pydantic's union of all schemas
        """Also allow a string with `${NAME}` in place of every value."""
        return _allow_interpolation(super().generate_inner(schema))

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Add null to the types if there are any: validators then report the type and not an anyOf."""
        inner = self.generate_inner(schema["schema"])
        if "type" in inner:
            return {**inner, "type": [*_as_list(inner["type"]), "null"]}
        return {"anyOf": [*inner.get("anyOf", [inner]), {"type": "null"}]}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Omit the default None: null in a spec omits the field, which is not the same."""
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, _schema: Any) -> bool:  # noqa: ANN401 - see generate_inner
        """Omit titles, which only repeat the key."""
        return False

    def sort(self, value: JsonSchemaValue, _parent_key: str | None = None) -> JsonSchemaValue:
        """Keep the order of declaration."""
        return value


def _allow_interpolation(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Add strings with `${NAME}` to a schema, once: pydantic generates a field in several layers."""
    if "anyOf" in schema:
        return {**schema, "anyOf": list(map(_allow_interpolation, schema["anyOf"]))}
    if "enum" in schema:
        return schema
    pattern = schema.get("pattern", _PLACEHOLDER)
    return schema if pattern.endswith(_PLACEHOLDER) else {**schema, "pattern": f"{pattern}|{_PLACEHOLDER}"}


def _as_list(types: str | list[str]) -> list[str]:
    return [types] if isinstance(types, str) else types
