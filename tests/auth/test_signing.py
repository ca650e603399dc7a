"""The signature: the vectors of API.md, section 6.2, and the signer of huaweicloudsdkcore."""

import hashlib
import string
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
import requests
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from hypothesis import given
from hypothesis import strategies as st

from modelarts_export.auth.credentials import AccessKey
from modelarts_export.auth.request_auth import AccessKeyAuth
from modelarts_export.auth.signing import compute_signature, format_authorization, make_canonical_request
from modelarts_export.transport.attempt import TrackedBody

HOST = "modelarts.cn-north-4.myhuaweicloud.com"
TASKS = f"https://{HOST}/v2/0123/datasets/abc/export-tasks"
BODY = (
    b'{"path":"/my-bucket/export/","export_type":2,"export_params":{"export_dest":"DIR","sample_state":""}}'
)
ACCESS_KEY, SECRET_KEY = "AKEXAMPLE0000000TEST", "SKexample0123456789abcdefghijklmnopqrstuv"
DATE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Vector:
    """A request that another signer signed; `digest` is the SHA-256 of its canonical form."""

    url: str
    digest: str
    proof: str
    method: str = "GET"
    body: bytes = b""
    headers: tuple[str, ...] = ("host", "x-project-id", "x-sdk-date")
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY
    date: datetime = DATE

    def header_values(self) -> dict[str, str]:
        """Return the headers that are signed."""
        known = {
            "content-type": "application/json",
            "host": urlsplit(self.url).netloc,
            "x-project-id": "0123",
            "x-sdk-date": self.date.strftime("%Y%m%dT%H%M%SZ"),
            "x-security-token": "STEXAMPLETOKEN==",
        }
        return {name: known[name] for name in self.headers}


WITH_TYPE = ("content-type", "host", "x-project-id", "x-sdk-date")
VECTORS = {
    "A": Vector(
        method="POST",
        url=TASKS,
        body=BODY,
        headers=WITH_TYPE,
        digest="8fbf033d66ed1baa3c38de696e6e60d36ad9d142bc3f9df36007dd94c43f10d7",
        proof="bc513a81426a3153ccf9729c5f7fb8d44f742c53c980ef6304d6742279034dac",
    ),
    "B": Vector(
        method="POST",
        url=TASKS,
        body=BODY,
        headers=(*WITH_TYPE, "x-security-token"),
        digest="296ebd93a8dbda8074072f7a32d827972ebeb7618163403d7c69ba612bbafa58",
        proof="45f341818972f30e6e87517b27341f8a5654dedd34dffd7fa53e57aa4467db30",
    ),
    "C": Vector(
        url=f"{TASKS}?export_type=3&limit=100&offset=0",
        digest="d7f3eb85169f05b2980888cf0334dd5a688748c8987a1c6aae69419f96bcac38",
        proof="9a03b427206e73365111cee92b9e5f13b00ac2e3111eccabb3542f674cc6e831",
    ),
    "D": Vector(
        url=f"{TASKS}?limit=100&offset=0",
        headers=WITH_TYPE,
        digest="3ad851d440dc10b4fc056cea6bfe34ca7f45bba13156285bae55f74ea0e7e231",
        proof="41a1d997b59f0b7b6f149da23aca28c8b48e3219effd9a3e0972c9b96cb1a639",
    ),
    "E": Vector(
        url="https://iam.cn-north-4.myhuaweicloud.com/v3/projects?name=a%20b%2F%C3%A9~%2A&enabled=true",
        headers=("host", "x-sdk-date"),
        digest="6d9f58ea4f338f32f1c79988f57f3011473c54168e2fb58b7fdb03ca0e0628ef",
        proof="91ad56ceccd2add985f2ba50217a191c0f782429341a027d52c7a6db5dd284c7",
    ),
    "F": Vector(
        url=f"{TASKS}/t1",
        headers=("host", "x-sdk-date"),
        digest="4d236248dfe0dc4c03c97b2a4511c00c101af0cd3d954f8690354af9d3f85a3b",
        proof="41c1497c3eb8a6d4d8d98feb218f471492c3db2b2c57500d6170027ab58286c7",
    ),
    "G": Vector(
        method="POST",
        url=TASKS,
        body='{"path":"/桶/é/"}'.encode(),
        headers=WITH_TYPE,
        digest="edf05add8d46b0a7c4010b74b36197a15cb3d89e9c516f635c5fd5e63488eab6",
        proof="5e613bb7af46426d8f37a6e19a84550b11fc6818a9018008b871bc86efe7f8a1",
    ),
    "H, published by the vendor": Vector(
        url="https://service.region.example.com/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs"
        "?limit=2&marker=13551d6b-755d-4757-b956-536f674975c0",
        headers=("content-type", "host", "x-sdk-date"),
        digest="b25362e603ee30f4f25e7858e8a7160fd36e803bb2dfe206278659d71a9bcd7a",
        proof="7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe",
        access_key="QTWAOYTTINDUT2QVKYUC",
        secret_key="MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc",
        date=datetime(2019, 11, 15, 3, 36, 55, tzinfo=UTC),
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_canonical_request_and_signature_match_the_vectors(name: str) -> None:
    """Both are those of other signers."""
    vector = VECTORS[name]
    headers = vector.header_values()
    canonical = make_canonical_request(vector.method, vector.url, headers, vector.body, signed=headers)
    assert hashlib.sha256(canonical.encode()).hexdigest() == vector.digest
    date = headers["x-sdk-date"]
    assert compute_signature(canonical, secret_key=vector.secret_key, date=date) == vector.proof


@pytest.mark.parametrize("name", VECTORS)
def test_vendor_signer_matches_the_vectors(name: str) -> None:
    """The vectors were copied without a mistake."""
    vector = VECTORS[name]
    parts = urlsplit(vector.url)
    request = SdkRequest(
        method=vector.method,
        schema=parts.scheme,
        host=parts.netloc,
        resource_path=parts.path,
        query_params=parse_qsl(parts.query),
        header_params={k: v for k, v in vector.header_values().items() if k != "host"},
        body=vector.body.decode() or None,
    )
    credentials = BasicCredentials(vector.access_key, vector.secret_key)
    signed = Signer(credentials).sign(request)
    assert signed.header_params["Authorization"].endswith(f"Signature={vector.proof}")


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TOKEN = st.text(string.ascii_letters + string.digits + "-._~=+/ ", max_size=20)


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "patch"]),
    segments=st.lists(TEXT, max_size=4),
    query=st.lists(st.tuples(TEXT, TEXT), max_size=5),
    headers=st.dictionaries(st.from_regex(r"\A[a-z][a-z-]{0,10}\Z"), TOKEN, max_size=4),
    body=st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
)
def test_any_request_has_the_signature_of_the_vendor_signer(
    method: str, segments: list[str], query: list[tuple[str, str]], headers: dict[str, str], body: str
) -> None:
    """With any method, path, query, headers and body."""
    path = "/" + "/".join(quote(segment, safe="") for segment in segments)
    url = f"https://{HOST}{path}?{urlencode(query, quote_via=quote)}"
    signed = {**headers, "content-type": "application/json", "host": HOST, "x-sdk-date": "20260102T030405Z"}
    request = SdkRequest(
        method=method,
        schema="https",
        host=HOST,
        resource_path=path,
        query_params=list(query),
        header_params=dict(signed),
        body=body or None,
    )
    vendor = Signer(BasicCredentials(ACCESS_KEY, SECRET_KEY)).sign(request).header_params["Authorization"]
    canonical = make_canonical_request(method, url, signed, body.encode(), signed=signed)
    proof = compute_signature(canonical, secret_key=SECRET_KEY, date="20260102T030405Z")
    assert format_authorization(ACCESS_KEY, signed, proof) == vendor


@pytest.mark.parametrize("name", ["A", "B", "C", "G"])
def test_prepared_request_has_the_signature_of_the_vectors(name: str) -> None:
    """The auth object adds the headers and signs the bytes of the body, of any type."""
    vector = VECTORS[name]
    keys = AccessKey(
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
        security_token="STEXAMPLETOKEN==" if "x-security-token" in vector.headers else None,
    )
    request = requests.Request(
        vector.method,
        vector.url,
        data=TrackedBody(vector.body) if vector.body else None,
        headers={"Content-Type": "application/json"} if vector.body else None,
        auth=AccessKeyAuth(keys, "0123", now=lambda: DATE),
    ).prepare()
    signed = ";".join(vector.headers)
    assert request.headers["Authorization"] == (
        f"SDK-HMAC-SHA256 Access={ACCESS_KEY}, SignedHeaders={signed}, Signature={vector.proof}"
    )


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://example.test/", "example.test"),
        ("https://example.test:443/", "example.test"),
        ("http://127.0.0.1:80/", "127.0.0.1"),
        ("http://127.0.0.1:8080/", "127.0.0.1:8080"),
        ("https://[::1]:8443/", "[::1]:8443"),
    ],
)
def test_signed_host_has_a_port_unless_it_is_the_default(url: str, host: str) -> None:
    """As in the Host header of http.client."""
    keys = AccessKey(access_key=ACCESS_KEY, secret_key=SECRET_KEY)
    request = requests.Request("GET", url, auth=AccessKeyAuth(keys, "0123")).prepare()
    assert request.headers["Host"] == host
