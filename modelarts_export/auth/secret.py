"""Text that is secret: only `reveal` returns it; its str, repr, format and JSON are stars."""

from typing import Self

STARS = "***"


class Secret(str):
    """A str with the text of stars, so that whatever writes, stores or encodes it has no secret to lose."""

    __slots__ = ("_value",)
    _value: str

    def __new__(cls, value: str) -> Self:
        """Hide a value; a secret stays as it is."""
        secret = super().__new__(cls, STARS)
        secret._value = reveal(value)
        return secret

    def __repr__(self) -> str:
        """Return stars."""
        return STARS

    def __bool__(self) -> bool:
        """Return whether there is a value."""
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        """Compare with the value of another secret, or with a text."""
        return self._value == reveal(other) if isinstance(other, str) else NotImplemented

    def __ne__(self, other: object) -> bool:
        """Return whether the values differ; that of str would compare the stars."""
        return not self == other

    def __hash__(self) -> int:
        """Return the hash of the value, as equal texts have the same."""
        return hash(self._value)

    def __deepcopy__(self, _memo: object) -> Self:
        """Return the same secret, as a copy of any str is."""
        return self

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Leave the stars alone to a pickle, which may be written anywhere."""
        return str, (STARS,)


def reveal(text: str) -> str:
    """Return the value of a secret, and any other text as it is."""
    return text._value if isinstance(text, Secret) else text  # noqa: SLF001 - the only reader
