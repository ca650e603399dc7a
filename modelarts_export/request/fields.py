"""What was declared about the fields of a request, for whatever tells people of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from modelarts_export.request.enums import Choice
from modelarts_export.request.field_types import Metavar
from modelarts_export.request.models import Comparison, Flag, Part


@dataclass(frozen=True, kw_only=True)
class Declared:
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
    def choice(self) -> type[Choice] | None:
        """The enumeration whose values it takes, if any."""
        return next((kind for kind in self._classes if issubclass(kind, Choice)), None)

    @property
    def part(self) -> type[Part] | None:
        """What it holds, when it has fields of its own."""
        return next((kind for kind in self._classes if issubclass(kind, Part)), None)

    @property
    def is_list(self) -> bool:
        """Whether it holds several values."""
        return list in self._classes

    @property
    def is_truth(self) -> bool:
        """Whether its values are true and false."""
        return bool in self._classes

    @property
    def flag(self) -> str:
        """The flag that gives it, without dashes; empty where only a spec can."""
        return "" if self.part and not self.is_list else self._flag.name

    @property
    def flag_help(self) -> str:
        """What its flag gives, which may be a part of it."""
        return self._flag.help or self.help

    @property
    def metavar(self) -> str:
        """What stands for its value in the help of its flag."""
        made_of = [*_made_of(self.field.annotation), *self.field.metadata]
        usual = "WORD" if self.choice else "CONDITION" if self.part else "TEXT"
        return next((mark.word for mark in made_of if isinstance(mark, Metavar)), usual)

    @property
    def example(self) -> Any:  # noqa: ANN401 - a value of the field, whatever its type
        """A value that it may have: the one that was declared, else one that its type has."""
        if self.field.examples:
            return self.field.examples[0]
        return self.choice.words()[0] if self.choice else self.is_truth

    @property
    def comparison(self) -> Comparison | None:
        """How it counts when a task is compared with a request; None inside a list, which is one value."""
        return next((mark for mark in self.field.metadata if isinstance(mark, Comparison)), None)

    @property
    def is_directory(self) -> bool:
        """Whether its values are OBS directories, each of which has several spellings."""
        return self.metavar == "DIR"

    @property
    def _flag(self) -> Flag:
        usual = Flag(self.name.replace("_", "-"))
        return next((mark for mark in self.field.metadata if isinstance(mark, Flag)), usual)

    @property
    def _classes(self) -> list[type]:
        return [kind for kind in _made_of(self.field.annotation) if isinstance(kind, type)]


def fields_of(part: type[Part], within: tuple[str, ...] = ()) -> Iterator[Declared]:
    """Yield the fields of a part in their order, without those inside them."""
    for name, field in part.model_fields.items():
        yield Declared(location=(*within, name), field=field)


def all_fields_of(part: type[Part], within: tuple[str, ...] = ()) -> Iterator[Declared]:
    """Yield the fields of a part, each followed by those inside it."""
    for declared in fields_of(part, within):
        yield declared
        if declared.part:
            yield from all_fields_of(declared.part, declared.location)


def leaves_of(part: type[Part], within: tuple[str, ...] = ()) -> Iterator[Declared]:
    """Yield the fields that have a value of their own; what a list holds is a part of its value."""
    for declared in fields_of(part, within):
        if declared.part and not declared.is_list:
            yield from leaves_of(declared.part, declared.location)
        else:
            yield declared


def fields_with_flags(part: type[Part], within: tuple[str, ...] = ()) -> Iterator[Declared]:
    """Yield the fields that a flag gives: no list's inner ones, for a flag has no place for them."""
    return (declared for declared in leaves_of(part, within) if declared.flag)


def _made_of(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 - annotations have no type
    """Yield what an annotation is made of, such as list, str and a Metavar."""
    yield get_origin(annotation) or annotation
    for inner in get_args(annotation):
        yield from _made_of(inner)
