"""The file of the SDK: which section and values are used, what is incomplete, and what is unusable."""

import json
from pathlib import Path

import pytest

from modelarts_export.auth.credentials import AccessKey
from modelarts_export.errors import AccessError
from modelarts_export.providers.sources.file_provider import make_entry
from modelarts_export.providers.sources.provider import Finding, Status
from modelarts_export.providers.sources.sdk_file import FILE, make_sdk_provider
from tests.conftest import Cloud, Run

SECRET = "made-up-secret-of-the-sdk-file"
BASIC = f"[basic]\nak = AK1\nsk = {SECRET}\n"


def write(directory: Path, text: str) -> Path:
    """Write the default file of a home directory."""
    file = directory / ".huaweicloud" / "credentials"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(0o600)
    return file


def describe(directory: Path, text: str) -> Finding:
    write(directory, text)
    return make_sdk_provider({"HOME": str(directory)}).describe()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BASIC, AccessKey(access_key="AK1", secret_key=SECRET)),
        (
            f"{BASIC}security_token: t=:t\n",
            AccessKey(access_key="AK1", secret_key=SECRET, security_token="t=:t"),
        ),
        (f"[global]\nak = AK2\nsk = x\n\n{BASIC}", AccessKey(access_key="AK1", secret_key=SECRET)),
        (f"; comment\n[DEFAULT]\nsk = {SECRET}\n[basic]\n  AK=AK1\n  # comment\n", None),
        (f"[DEFAULT]\nsk = x\n{BASIC}", None),
        (f"{BASIC}idp_id = i\n", None),
        (BASIC.replace("\n", "\r\n"), None),
        (BASIC.replace("\n", "\r"), None),
        (f"\N{BYTE ORDER MARK}{BASIC}", None),
        (
            BASIC.replace(SECRET, "100%%"),
            AccessKey(access_key="AK1", secret_key="100%"),
        ),
    ],
)
def test_section_basic_is_read_as_the_sdk_does(tmp_path: Path, text: str, expected: AccessKey | None) -> None:
    assert describe(tmp_path, text).status is Status.FOUND
    provider = make_sdk_provider({"HOME": str(tmp_path)})
    assert provider.load() == (expected or AccessKey(access_key="AK1", secret_key=SECRET))


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("[basic]\nproject_id = p\n", Status.ABSENT, "no credentials in it"),
        ("[basic]\nak =\nsk =\n", Status.ABSENT, "no credentials in it"),
        (
            f"[global]\nak = AK1\nsk = {SECRET}\n",
            Status.UNUSABLE,
            "has only [global], which is for other services",
        ),
        ("", Status.UNUSABLE, "has no section [basic]"),
        (
            "[basic]\nidp_id = i\nid_token_file = /f\n",
            Status.UNUSABLE,
            "has an identity provider (idp_id) and no key, which only the SDK can use",
        ),
        (f"ak = {SECRET}\n", Status.UNUSABLE, "line 1: no section begins before it"),
        (f"{BASIC}{SECRET}\n", Status.UNUSABLE, "line 4: neither [SECTION] nor NAME = VALUE"),
        (f"{BASIC}SK = {SECRET}\n", Status.UNUSABLE, "line 4: its name is given a second time"),
        (f"{BASIC}  {SECRET}\n", Status.UNUSABLE, "line 4: a value must be in one line"),
        (f"{BASIC}[basic]\n", Status.UNUSABLE, "line 4: the section [basic] begins a second time"),
        (f"{BASIC}security_token = %(sk)s\n", Status.UNUSABLE, "line 4: %, which the SDK replaces"),
    ],
)
def test_reason_says_why_the_file_is_not_used(tmp_path: Path, text: str, status: Status, reason: str) -> None:
    finding = describe(tmp_path, text)
    assert (finding.status, finding.reason) == (status, reason)
    assert SECRET not in finding.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[basic]\nak = AK1\n", "is incomplete: sk missing"),
        (f"[basic]\nsk = {SECRET}\n", "is incomplete: ak missing"),
        (f"[basic]\nsecurity_token = {SECRET}\n", "is incomplete: ak and sk missing"),
        (f"[basic]\nak = AK1 ; old\nsk = {SECRET}\n", "contains an invalid character"),
    ],
)
def test_incomplete_key_is_an_error_also_beside_another_source(
    run: Run, cloud: Cloud, tmp_path: Path, text: str, message: str
) -> None:
    """The next source is not used instead: it may belong to another account."""
    write(tmp_path, text)
    (tmp_path / ".hcloud").mkdir()
    (tmp_path / ".hcloud" / "config.json").write_text("{}")
    outcome = run("list abc", **only_places(cloud))
    assert (outcome.code, outcome.out) == (4, "")
    assert "section [basic] of ~/.huaweicloud/credentials" in outcome.err
    assert message in outcome.err
    assert SECRET not in outcome.err


def only_places(cloud: Cloud) -> dict[str, str]:
    """Return the variables of the sandbox without credentials."""
    return {name: value for name, value in cloud.variables.items() if name.startswith("MODELARTS_")}


@pytest.mark.parametrize("by_variable", [False, True])
def test_submission_with_the_file(run: Run, cloud: Cloud, tmp_path: Path, *, by_variable: bool) -> None:
    """The project ID is that of the file."""
    sandbox = cloud.sandbox
    text = f"[basic]\nak={sandbox.access_key}\nsk={sandbox.secret_key}\nproject_id={sandbox.project_id}\n"
    variables = only_places(cloud)
    if by_variable:
        write(tmp_path, "broken")
        file = tmp_path / "elsewhere"
        file.write_text(text)
        file.chmod(0o600)
        variables[FILE] = str(file)
    else:
        write(tmp_path, text)
    outcome = run("to-obs --path /b/d/ -o json", **variables)
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["project_id"] == sandbox.project_id


def test_iam_endpoint_of_the_file_is_a_setting(tmp_path: Path) -> None:
    write(tmp_path, f"{BASIC}iam_endpoint = https://iam.example\nproject_id = p\n")
    layer = make_sdk_provider({"HOME": str(tmp_path)}).make_layer()
    assert layer.values == {"iam_endpoint": "https://iam.example", "project_id": "p"}
    assert layer.origin("project_id") == "project_id of section [basic] of ~/.huaweicloud/credentials"


def test_file_that_a_variable_names_is_used_or_an_error(tmp_path: Path) -> None:
    """The default file is no substitute."""
    write(tmp_path, BASIC)
    missing = tmp_path / "missing"
    provider = make_sdk_provider({"HOME": str(tmp_path), FILE: str(missing)})
    assert provider.describe().status is Status.FOUND
    assert provider.make_layer().values == {}
    assert list(provider.secrets()) == []
    with pytest.raises(AccessError, match=f"^{missing}: no such file$"):
        provider.load()


def test_name_with_a_nul_is_an_error() -> None:
    with pytest.raises(AccessError, match="not a valid file name"):
        make_sdk_provider({FILE: "\0"}).load()


def test_file_below_a_file_is_absent(tmp_path: Path) -> None:
    (tmp_path / ".huaweicloud").write_text("")
    finding = make_sdk_provider({"HOME": str(tmp_path)}).describe()
    assert finding == Finding(status=Status.ABSENT, reason="no such file")


def test_entry_of_a_file_shows_no_secret() -> None:
    """A callback or a traceback may print it."""
    entry = make_entry("f", {"secret_key": ("sk",), "project_id": ("id",)}, [{"sk": SECRET, "id": "p"}])
    assert (entry.values, SECRET in repr(entry)) == ({"secret_key": SECRET, "project_id": "p"}, False)


@pytest.mark.parametrize("home", [None, "", "relative"])
def test_without_a_home_the_file_is_absent(home: str | None) -> None:
    finding = make_sdk_provider({} if home is None else {"HOME": home}).describe()
    assert finding == Finding(status=Status.ABSENT, reason="HOME is not set to a directory")


def test_secrets_of_the_file_are_redacted_before_anything_is_printed(run: Run, tmp_path: Path) -> None:
    """Also where a setting of the file is invalid and has the secret in it."""
    write(tmp_path, f"[basic]\nak=AK1\nsk={SECRET}\nproject_id=id {SECRET}\n")
    outcome = run("list abc")
    assert outcome.code == 2
    assert "project_id of section [basic]" in outcome.err
    assert SECRET not in outcome.err
    assert "***" in outcome.err
