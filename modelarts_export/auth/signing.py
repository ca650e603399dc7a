"""SDK-HMAC-SHA256, the request signature of Huawei Cloud, as pure functions over text and bytes.

The rules are in .github/API.md, section 6.1, and the test vectors in section 6.2.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, quote, unquote, urlsplit

ALGORITHM = "SDK-HMAC-SHA256"
DATE_FORMAT = "%Y%m%dT%H%M%SZ"
_UNRESERVED = "-._~"


def make_canonical_request(
    method: str, url: str, headers: Mapping[str, str], body: bytes, *, signed: Iterable[str]
) -> str:
    """Return the six parts that are signed, joined by line feeds.

    `url` may be absolute or begin with the path; `signed` names the headers to sign, in lower case, and each
    of them must be among `headers` (names there in any case). Raises KeyError for one that is missing.
    """
    parts = urlsplit(url)
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    names = sorted(signed)
    return "\n".join(
        (
            method.upper(),
            _canonicalize_path(parts.path),
            _canonicalize_query(parts.query),
            "".join(f"{name}:{lower[name]}\n" for name in names),
            ";".join(names),
            hashlib.sha256(body).hexdigest(),
        )
    )


def compute_signature(canonical: str, *, secret_key: str, date: str) -> str:
    """Return the signature in lower-case hex; `date` is the X-Sdk-Date in the form of DATE_FORMAT, in UTC."""
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"{ALGORITHM}\n{date}\n{digest}"
    return hmac.new(secret_key.encode(), to_sign.encode(), hashlib.sha256).hexdigest()


def format_authorization(access_key: str, signed: Iterable[str], hex_signature: str) -> str:
    """Return the value of the Authorization header."""
    names = ";".join(sorted(signed))
    return f"{ALGORITHM} Access={access_key}, SignedHeaders={names}, Signature={hex_signature}"


def _canonicalize_path(path: str) -> str:
    """Encode each segment and add a trailing slash, which the sent URL does not have."""
    encoded = "/".join(quote(segment, safe=_UNRESERVED) for segment in unquote(path).split("/"))
    return encoded if encoded.endswith("/") else encoded + "/"


def _canonicalize_query(query: str) -> str:
    """Sort by the raw names and values, then encode both."""
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return "&".join(
        f"{quote(name, safe=_UNRESERVED)}={quote(value, safe=_UNRESERVED)}" for name, value in pairs
    )
