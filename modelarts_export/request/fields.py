"""Request fields: the metadata of their declarations, and the declared fields of a model."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

from modelarts_export.request.enums import WireEnum
from modelarts_export.request.field_types import Metavar


@dataclass(frozen=True)
class CliFlag:
    """The flag of a field, where it is not named after the field; without a name, only a spec sets the field.

    `help` describes a flag that gives a part of the field's value, or whose `default` is told apart, and
    `group` is the title of its group.
    """

    name: str = ""
    help: str = ""
    default: str = ""
    group: str = "Output data"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How a field is compared between a task of the API's list and a request.

    `narrows`: a task with another value exports other samples or makes another dataset, and a task without a
    value is not reused for a request with one. `default`: the value of a task whose request has none
    (.github/API.md, section 1). `is_returned` is False for a field whose name means something else in a
    response.
    """

    narrows: bool = False
    default: str | int | None = None
    is_returned: bool = True


SPEC_ONLY = CliFlag()
REQUEST, SAMPLES = "Request", "Samples"


def declare_optional(description: str, *examples: object) -> Any:  # noqa: ANN401 - like pydantic's Field
    """Declare an optional field; a field that is neither an enumeration nor a boolean needs an example."""
    return Field(default=None, description=description, examples=list(examples) or None)


@dataclass(frozen=True, kw_only=True)
class RequestField:
    """One field; `location` has the keys from the top of a spec to it."""

    location: tuple[str, ...]
    info: FieldInfo

    @property
    def name(self) -> str:
        """The key of the field."""
        return self.location[-1]

    @property
    def help(self) -> str:
        """The description of the field."""
        return self.info.description or ""

    @property
    def enum(self) -> type[WireEnum] | None:
        """The enumeration of its values, if any."""
        return next((kind for kind in self._annotation_classes if issubclass(kind, WireEnum)), None)

    @property
    def model(self) -> type[BaseModel] | None:
        """The model of its value, if any."""
        return next((kind for kind in self._annotation_classes if issubclass(kind, BaseModel)), None)

    @property
    def is_list(self) -> bool:
        """Whether its value is a list."""
        return list in self._annotation_classes

    @property
    def is_boolean(self) -> bool:
        """Whether its value is true or false."""
        return bool in self._annotation_classes

    @property
    def flag(self) -> str:
        """The name of its flag, without dashes; empty for a field that only a spec sets."""
        return "" if self.model and not self.is_list else self._flag.name

    @property
    def flag_help(self) -> str:
        """The help of its flag, which may give a part of its value."""
        return self._flag.help or self.help

    @property
    def flag_default(self) -> str:
        """What is sent without its flag, as it is written; empty for nothing."""
        return self._flag.default

    @property
    def group(self) -> str:
        """The title of the group of its flag."""
        return self._flag.group

    @property
    def metavar(self) -> str:
        """The placeholder of its value in the help of its flag."""
        annotations = [*_iter_annotation(self.info.annotation), *self.info.metadata]
        default = "VALUE" if self.enum else "CONDITION" if self.model else "TEXT"
        return next((each.name for each in annotations if isinstance(each, Metavar)), default)

    @property
    def example(self) -> Any:  # noqa: ANN401 - a value of the field, whatever its type
        """A valid value: the declared example, or one that follows from the type."""
        if self.info.examples:
            return self.info.examples[0]
        return self.enum.labels()[0] if self.enum else self.is_boolean

    @property
    def comparison(self) -> Comparison | None:
        """How a task and a request are compared by it; None inside a list, which is compared as a whole."""
        return next((each for each in self.info.metadata if isinstance(each, Comparison)), None)

    @property
    def is_directory(self) -> bool:
        """Whether its value is an OBS directory, which has several forms."""
        return self.metavar == "DIR"

    @property
    def _flag(self) -> CliFlag:
        default = CliFlag(self.name.replace("_", "-"))
        return next((each for each in self.info.metadata if isinstance(each, CliFlag)), default)

    @property
    def _annotation_classes(self) -> list[type]:
        return [kind for kind in _iter_annotation(self.info.annotation) if isinstance(kind, type)]


def iter_fields(model: type[BaseModel], parent: tuple[str, ...] = ()) -> Iterator[RequestField]:
    """Yield the fields of a model, without those of inner models."""
    for name, info in model.model_fields.items():
        yield RequestField(location=(*parent, name), info=info)


def iter_all_fields(model: type[BaseModel], parent: tuple[str, ...] = ()) -> Iterator[RequestField]:
    """Yield the fields of a model, each followed by those of its inner model."""
    for field in iter_fields(model, parent):
        yield field
        if field.model:
            yield from iter_all_fields(field.model, field.location)


def iter_leaf_fields(model: type[BaseModel], parent: tuple[str, ...] = ()) -> Iterator[RequestField]:
    """Yield the fields without an inner model; a list of models is one field."""
    for field in iter_fields(model, parent):
        if field.model and not field.is_list:
            yield from iter_leaf_fields(field.model, field.location)
        else:
            yield field


def iter_flag_fields(model: type[BaseModel]) -> Iterator[RequestField]:
    """Yield the fields with a flag."""
    return (field for field in iter_leaf_fields(model) if field.flag)


def _iter_annotation(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 - annotations have no type
    """Yield the parts of an annotation, such as list, str and a Metavar."""
    yield get_origin(annotation) or annotation
    for inner in get_args(annotation):
        yield from _iter_annotation(inner)
