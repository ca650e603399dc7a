"""Any spec, environment and command line: exit code 0 or 2, without a traceback."""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from modelarts_export.cli.main import main
from modelarts_export.request.models import ExportRequest, RequestModel, SearchCondition, ToNewDataset, ToObs

ANY = settings(max_examples=150, deadline=None)
FIELDS = sorted(
    {name for kind in (ExportRequest, ToObs, ToNewDataset, SearchCondition) for name in kind.model_fields}
    | {"dataset_id", "project_id", "name", "labels", "op", "props", "property", "type", "unknown"}
    | set(ToNewDataset.model_fields["export_params"].annotation.model_fields)  # type: ignore[union-attr]
)
WORDS = [
    "/b/c/",
    "obs://b/c",
    "DIR",
    "NEW_DATASET",
    "search",
    "",
    "no",
    "__ALL__",
    "all",
    "${HOME}",
    "${",
    "0.8",
]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(WORDS), st.dates()
)
MAPPINGS = st.recursive(
    st.dictionaries(st.sampled_from(FIELDS), SCALARS, max_size=6),
    lambda inner: st.dictionaries(
        st.sampled_from(FIELDS), st.one_of(SCALARS, inner, st.lists(inner, max_size=3))
    ),
    max_leaves=20,
)
NAMES = st.text(st.characters(exclude_characters="=\0", exclude_categories=["Cs"]), min_size=1, max_size=40)
VALUES = st.text(st.characters(exclude_characters="\0"), max_size=60)


def check_exit_code(line: list[str], stdin: bytes, environ: dict[str, str]) -> None:
    """Check that a command line exits with 0 or 2, and without a traceback."""
    out, err = io.StringIO(), io.StringIO()
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))),
    ):
        code = main(line, environ)
    assert code in (0, 2), err.getvalue()
    assert "Traceback" not in err.getvalue()
    assert code == 0 or (err.getvalue() and not out.getvalue())


@ANY
@given(st.one_of(st.text(), st.text("{}[]:,-&*!|>'\"%@`#?~ \n\tab0", max_size=60)))
def test_any_text_as_spec_is_handled(text: str) -> None:
    check_exit_code(["validate", "-"], text.encode(errors="surrogatepass"), {})


@ANY
@given(st.binary(max_size=200))
def test_any_bytes_as_spec_are_handled(content: bytes) -> None:
    check_exit_code(["validate", "-"], content, {})


@ANY
@given(MAPPINGS, st.sampled_from(["to-obs", "to-new-dataset"]))
def test_any_mapping_as_spec_is_handled(mapping: dict[str, object], command: str) -> None:
    """In YAML and, if possible, in JSON."""
    check_exit_code(
        [command, "abc", "-f", "-", "--dry-run"],
        yaml.safe_dump(mapping, allow_unicode=True).encode("utf-8", "surrogatepass"),
        {},
    )
    text = json.dumps(mapping, default=str, allow_nan=False) if _is_finite(mapping) else "{}"
    check_exit_code([command, "abc", "-f", "-", "--dry-run", "-o", "json"], text.encode(), {})


def _is_finite(value: object) -> bool:
    try:
        json.dumps(value, default=str, allow_nan=False)
    except ValueError:
        return False
    return True


OWN = [
    "REGION",
    "PROJECT_ID",
    "ENDPOINT",
    "READ_TIMEOUT",
    "CA_BUNDLE",
    "INSECURE",
    "OUTPUT",
    "QUIET",
    "VERBOSE",
]
VARIABLES = st.one_of(
    NAMES,
    st.sampled_from([f"MODELARTS_EXPORT_{name}" for name in [*OWN, "DATASET_ID", "DEBUG"]]),
    st.sampled_from(["HW_REGION_NAME", "HW_PROJECT_ID", "HW_SECRET_KEY", "HUAWEICLOUD_SDK_AK", "NO_COLOR"]),
)


@ANY
@given(st.dictionaries(VARIABLES, VALUES, max_size=8))
def test_any_environment_is_handled(environ: dict[str, str]) -> None:
    """Invalid values are errors, and unknown variables are ignored."""
    check_exit_code(["to-obs", "abc", "--path", "/b/c/", "--dry-run"], b"", environ)


@ANY
@given(
    st.lists(st.one_of(st.text(max_size=20), st.sampled_from(["-f", "-", "--path", "/b/c/", "-o", "json"])))
)
def test_any_command_line_is_handled(arguments: list[str]) -> None:
    """The command sends nothing."""
    check_exit_code(["to-obs", "--dry-run", *arguments], b"path: /b/c/", {})


def test_all_fields_are_drawn() -> None:
    """They are collected from the models."""
    assert {"path", "export_params", "samples", "sample_time", "export_new_dataset_name"} <= set(FIELDS)
    assert issubclass(SearchCondition, RequestModel)
