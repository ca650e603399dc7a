"""What was declared about the fields of a request, for whatever tells people of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from modelarts_export.request.declarations import CliFlag, Comparison
from modelarts_export.request.enums import WireEnum
from modelarts_export.request.field_types import Metavar


@dataclass(frozen=True, kw_only=True)
class RequestField:
    """One field, and the keys that lead to it from the top of a spec."""

    location: tuple[str, ...]
    field: FieldInfo

    @property
    def name(self) -> str:
        """The field's own key."""
        return self.location[-1]

    @property
    def help(self) -> str:
        """What it is, in a few words."""
        return self.field.description or ""

    @property
    def enum(self) -> type[WireEnum] | None:
        """The enumeration whose values it takes, if any."""
        return next((kind for kind in self._annotation_classes if issubclass(kind, WireEnum)), None)

    @property
    def model(self) -> type[BaseModel] | None:
        """What it holds, when it has fields of its own."""
        return next((kind for kind in self._annotation_classes if issubclass(kind, BaseModel)), None)

    @property
    def is_list(self) -> bool:
        """Whether it holds several values."""
        return list in self._annotation_classes

    @property
    def is_boolean(self) -> bool:
        """Whether its values are true and false."""
        return bool in self._annotation_classes

    @property
    def flag(self) -> str:
        """The flag that gives it, without dashes; empty where only a spec can."""
        return "" if self.model and not self.is_list else self._flag.name

    @property
    def flag_help(self) -> str:
        """What its flag gives, which may be a part of it."""
        return self._flag.help or self.help

    @property
    def metavar(self) -> str:
        """What stands for its value in the help of its flag."""
        made_of = [*_iter_annotation(self.field.annotation), *self.field.metadata]
        usual = "VALUE" if self.enum else "CONDITION" if self.model else "TEXT"
        return next((mark.name for mark in made_of if isinstance(mark, Metavar)), usual)

    @property
    def example(self) -> Any:  # noqa: ANN401 - a value of the field, whatever its type
        """A value that it may have: the one that was declared, else one that its type has."""
        if self.field.examples:
            return self.field.examples[0]
        return self.enum.labels()[0] if self.enum else self.is_boolean

    @property
    def comparison(self) -> Comparison | None:
        """How it counts when a task is compared with a request; None inside a list, which is one value."""
        return next((mark for mark in self.field.metadata if isinstance(mark, Comparison)), None)

    @property
    def is_directory(self) -> bool:
        """Whether its values are OBS directories, each of which has several spellings."""
        return self.metavar == "DIR"

    @property
    def _flag(self) -> CliFlag:
        usual = CliFlag(self.name.replace("_", "-"))
        return next((mark for mark in self.field.metadata if isinstance(mark, CliFlag)), usual)

    @property
    def _annotation_classes(self) -> list[type]:
        return [kind for kind in _iter_annotation(self.field.annotation) if isinstance(kind, type)]


def iter_fields(part: type[BaseModel], within: tuple[str, ...] = ()) -> Iterator[RequestField]:
    """Yield the fields of a part in their order, without those inside them."""
    for name, field in part.model_fields.items():
        yield RequestField(location=(*within, name), field=field)


def iter_all_fields(part: type[BaseModel], within: tuple[str, ...] = ()) -> Iterator[RequestField]:
    """Yield the fields of a part, each followed by those inside it."""
    for declared in iter_fields(part, within):
        yield declared
        if declared.model:
            yield from iter_all_fields(declared.model, declared.location)


def iter_leaf_fields(part: type[BaseModel], within: tuple[str, ...] = ()) -> Iterator[RequestField]:
    """Yield the fields that have a value of their own; what a list holds is a part of its value."""
    for declared in iter_fields(part, within):
        if declared.model and not declared.is_list:
            yield from iter_leaf_fields(declared.model, declared.location)
        else:
            yield declared


def iter_flag_fields(part: type[BaseModel], within: tuple[str, ...] = ()) -> Iterator[RequestField]:
    """Yield the fields that a flag gives: no list's inner ones, for a flag has no place for them."""
    return (declared for declared in iter_leaf_fields(part, within) if declared.flag)


def _iter_annotation(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 - annotations have no type
    """Yield what an annotation is made of, such as list, str and a Metavar."""
    yield get_origin(annotation) or annotation
    for inner in get_args(annotation):
        yield from _iter_annotation(inner)
