"""Secrets: stars wherever they are written, and their value for the one who asks."""

import copy
import json
import pickle
from dataclasses import asdict

import pytest
import yaml

from modelarts_export.auth.credentials import AccessKey, Password, Token
from modelarts_export.auth.secret import Secret, reveal

VALUE = "made-up-secret-value"
CREDENTIALS = [
    AccessKey(access_key="AK", secret_key=VALUE, security_token=VALUE),
    Token(token=VALUE),
    Password(user_name="user", password=VALUE, domain_name="domain"),
]


@pytest.mark.parametrize("credentials", CREDENTIALS)
def test_credentials_are_written_as_stars(credentials: AccessKey | Token | Password) -> None:
    fields = asdict(credentials)
    written = [
        *(str(credentials), repr(credentials), f"{credentials}", json.dumps(fields), repr(vars(credentials))),
        *(
            yaml.safe_dump({key: str(value) for key, value in fields.items()}),
            repr(copy.deepcopy(credentials)),
        ),
        *(
            pickle.dumps(list(fields.values())).decode("latin-1"),
            "".join(map(str, fields.values())),
        ),
    ]
    assert [text for text in written if VALUE in text] == []
    assert all("***" in text for text in written)
    assert list(credentials.secrets()) == [VALUE] * (2 if isinstance(credentials, AccessKey) else 1)


def test_secret_is_compared_by_its_value() -> None:
    assert Secret(VALUE) == VALUE
    assert Secret(VALUE) != Secret("another-secret")
    assert Secret(VALUE) != "***"
    assert Secret(VALUE) != 5
    assert {Secret(VALUE), VALUE, Secret(Secret(VALUE))} == {VALUE}
    assert not Secret("")


def test_value_is_revealed() -> None:
    assert type(reveal(Secret(Secret(VALUE)))) is str
    assert reveal(Secret(VALUE)) == reveal(VALUE) == reveal(Secret(Secret(VALUE))) == VALUE
    assert type(reveal(Secret(VALUE))) is str
