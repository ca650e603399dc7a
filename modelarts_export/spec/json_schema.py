"""The JSON Schema of a spec, made from the declarations of its fields."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from modelarts_export.request.models import SpecMetadata, ToNewDataset, ToObs

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DESCRIPTION = (
    "The body of a request that creates a ModelArts export task, with dataset_id, project_id and name beside "
    "it. The program is more lenient than this schema: it takes the words and codes of an enumeration in any "
    "letter case, and quoted numbers and truth values. And it checks more, such as the limits of a path. "
    "A string with ${NAME} in it is replaced by --var NAME=VALUE, --var NAME or the environment variable "
    "MODELARTS_EXPORT_VAR_NAME only."
)
_MARK = r"\$\{"  # a string with ${NAME} in it may become anything
_SUBSTITUTED = {"type": "string", "pattern": _MARK}


def make_spec_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of a spec of either kind."""
    _, shown = models_json_schema(
        [(ToObs, "validation"), (ToNewDataset, "validation")], schema_generator=_Generator
    )
    parts = shown["$defs"]
    beside = SpecMetadata.model_json_schema(schema_generator=_Generator)["properties"]
    for kind in (ToObs, ToNewDataset):
        part = parts[kind.__name__]
        part["title"] = f"spec of {kind.command}"
        part["properties"] = {**beside, **part["properties"]}
    return {
        "$schema": _DRAFT,
        "title": "spec of modelarts-export",
        "description": _DESCRIPTION,
        **_choose_kind(),
        "$defs": parts,
    }


def _choose_kind() -> dict[str, Any]:
    """Let `export_params.export_dest` decide; one that is not known yet may be either."""
    to_obs, to_new_dataset = ({"$ref": f"#/$defs/{kind.__name__}"} for kind in (ToObs, ToNewDataset))
    unknown = _match_dest(_SUBSTITUTED, {"anyOf": [to_obs, to_new_dataset]}, otherwise=to_obs)
    return _match_dest({"const": ToNewDataset.dest.label}, to_new_dataset, otherwise=unknown)


def _match_dest(
    dest: JsonSchemaValue, then: JsonSchemaValue, *, otherwise: JsonSchemaValue
) -> JsonSchemaValue:
    params = {"type": "object", "properties": {"export_dest": dest}, "required": ["export_dest"]}
    condition = {"type": "object", "properties": {"export_params": params}, "required": ["export_params"]}
    return {"if": condition, "then": then, "else": otherwise}


class _Generator(GenerateJsonSchema):
    """Shows fields as specs have them: in their order, without pydantic's titles and defaults."""

    def generate_inner(self, schema: Any) -> JsonSchemaValue:  # noqa: ANN401 - pydantic's union of all schemas
        """Let every value be a string with `${NAME}` in it as well."""
        return _allow_interpolation(super().generate_inner(schema))

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Add null to the types where there are any, as checkers then say what is wrong with a value."""
        inner = self.generate_inner(schema["schema"])
        if "type" in inner:
            return {**inner, "type": [*_as_list(inner["type"]), "null"]}
        return {"anyOf": [*inner.get("anyOf", [inner]), {"type": "null"}]}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave defaults to the descriptions; null is not the default, it leaves a field out."""
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, _schema: Any) -> bool:  # noqa: ANN401 - see generate_inner
        """Give no title that only repeats the key."""
        return False

    def sort(self, value: JsonSchemaValue, _parent_key: str | None = None) -> JsonSchemaValue:
        """Keep the order of the declarations."""
        return value


def _allow_interpolation(shown: JsonSchemaValue) -> JsonSchemaValue:
    """Widen a schema; one that has been widened stays as it is, as pydantic shows a field layer by layer."""
    if "enum" in shown:
        return {"anyOf": [shown, _SUBSTITUTED]}
    if shown.get("type") in ("integer", "boolean"):
        return {**shown, "type": [shown["type"], "string"], "pattern": _MARK}
    pattern = shown.get("pattern", _MARK)
    return shown if pattern.endswith(_MARK) else {**shown, "pattern": f"{pattern}|{_MARK}"}


def _as_list(types: str | list[str]) -> list[str]:
    return [types] if isinstance(types, str) else types
