"""Any content of a credential file: credentials, or an AccessError that shows no value of the file."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from modelarts_export.errors import AccessError
from modelarts_export.providers.sources.clouds_yaml import make_clouds_provider
from modelarts_export.providers.sources.file_provider import FileProvider
from modelarts_export.providers.sources.koocli import make_koocli_provider
from modelarts_export.providers.sources.sdk_file import make_sdk_provider

ANY = settings(max_examples=25, deadline=None)
SECRET = "Made-up-secret-of-any-file"
KEYS = (
    *("clouds", "otc", "auth", "ak", "sk", "token", "username", "password", "user_domain_name", "regions"),
    *("region_name", "name", "values", "auth_type", "profile", "cacert", "modelarts_endpoint_override"),
    *("profiles", "current", "authEncrypt", "mode", "accessKeyId", "secretAccessKey", "projectId", "<<"),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(["otc", "AKSK", "false", "[x]"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=12,
)
LINES = st.lists(
    st.sampled_from(
        ["[basic]", "[global]", "[DEFAULT]", f"ak={SECRET}", f"SK : {SECRET}", "ak=", "%", "", SECRET]
    )
    | st.text(),
    max_size=8,
)
PLACES: list[tuple[str, Callable[[dict[str, str]], FileProvider]]] = [
    (".huaweicloud/credentials", make_sdk_provider),
    (".hcloud/config.json", make_koocli_provider),
    (".hcloud/config.json", lambda environ: make_koocli_provider(environ, "otc")),
    (".config/openstack/clouds.yaml", lambda environ: make_clouds_provider("otc", environ)),
    (".config/openstack/clouds.json", lambda environ: make_clouds_provider("otc", environ)),
]


def check(number: int, text: str) -> None:
    """Ask the provider of one place everything."""
    name, make_provider = PLACES[number]
    with tempfile.TemporaryDirectory() as home:
        file = Path(home) / name
        file.parent.mkdir(parents=True)
        file.write_text(text, errors="surrogatepass")
        file.chmod(0o600)
        provider = make_provider({"HOME": home})
        finding = provider.describe()
        assert provider.make_layer().values.keys() <= {
            *("region", "project_id", "project_name", "endpoint", "iam_endpoint", "ca_bundle")
        }
        assert all(provider.secrets())
        assert SECRET not in f"{finding.reason} {finding.hint} {load(provider)}"


def load(provider: FileProvider) -> str:
    """Return the text of the credentials, in which secrets do not show, or of the error."""
    try:
        return repr(provider.load())
    except AccessError as error:
        return f"{error} {error.hint}"


@ANY
@given(number=st.integers(1, 4), value=VALUES)
def test_any_json_is_read_or_refused(number: int, value: object) -> None:
    check(number, json.dumps(value))


@ANY
@given(
    number=st.integers(1, 4),
    inner=st.fixed_dictionaries({"auth": VALUES}, optional={key: VALUES for key in KEYS if key != "auth"}),
    top=st.dictionaries(st.sampled_from(KEYS), SCALARS, max_size=3),
)
def test_any_entry_is_read_or_refused(number: int, inner: dict[str, object], top: dict[str, object]) -> None:
    inner |= {"sk": SECRET, "secretAccessKey": SECRET}
    entries = {"clouds": {"otc": inner}, "profiles": [{**inner, "name": "otc"}]}
    check(number, json.dumps({"current": "otc", "authEncrypt": "false", **top, **entries}))


@ANY
@given(number=st.integers(0, 4), lines=LINES)
def test_any_text_is_read_or_refused(number: int, lines: list[str]) -> None:
    check(number, "\n".join(lines))
