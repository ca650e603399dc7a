"""What is declared beside a field of a request: its flag, how it is compared, its description."""

from dataclasses import dataclass
from typing import Any

from pydantic import Field


@dataclass(frozen=True)
class CliFlag:
    """The name of a field's flag, where it is not the field's own; an empty one means a spec only.

    `help` is for a flag that stands for a part of what the field holds in a spec.
    """

    name: str = ""
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How a field counts when a task of the server's list is compared with a request.

    `narrows`: a task with another value of it has other samples, or makes another dataset; one that does not
    show it is not reused for a request that has it. `default`: what a task may show for a request without the
    field, as .github/API.md, section 1, documents it. `is_returned` is False for a name that means something
    else in a reply.
    """

    narrows: bool = False
    default: str | int | None = None
    is_returned: bool = True


SPEC_ONLY = CliFlag()


def declare_optional(description: str, *examples: object) -> Any:  # noqa: ANN401 - it fits every field, as Field does
    """Declare a field that need not be given; an example is needed where nothing else tells the form."""
    return Field(default=None, description=description, examples=list(examples) or None)
