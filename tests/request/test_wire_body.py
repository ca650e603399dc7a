"""The body that is sent for each field of a spec and each flag, compared with hand-written bodies."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml

from modelarts_export.request.fields import iter_flag_fields
from modelarts_export.request.models import RequestModel, SpecMetadata, ToNewDataset, ToObs
from tests.conftest import Cloud, Run, Stub
from tests.request.enum_rows import CHOICES, Choice
from tests.request.field_rows import (
    COMMANDS,
    CONDITIONS,
    DEFAULTS,
    DIR,
    DOUBTFUL_PATHS,
    EVERY_DOCUMENTED_FIELD,
    EVERY_FIELD,
    MERGED,
    NAMED_FLAGS,
    NAMES,
    NEW,
    PARAMS,
    PATHS,
    TOP,
    USUAL,
    Json,
    Row,
    Whole,
    usual,
)
from tests.request.origin_rows import DATASETS, PROJECTS, SAMPLES, Origin, Samples


def is_same_json(sent: bytes | str, body: object) -> bool:
    """Return whether two values are the same JSON; 1 is neither 1.0 nor true."""
    return json.dumps(json.loads(sent), sort_keys=True) == json.dumps(body, sort_keys=True)


def make_spec(command: str, top: str = "", params: str = "") -> bytes:
    """Return a spec with these lines and the required fields of the command."""
    needed = COMMANDS[command][0].replace(", ", "\n  ")
    return f"path: /b/d/\n{top}\nexport_params:\n  {needed}\n  {params}\n".encode()


def make_body(command: str, top: Json, params: Json) -> Json:
    """Return the body of a minimal request with these further fields."""
    body = COMMANDS[command][2]
    inner = body["export_params"]
    assert isinstance(inner, dict)
    return {**body, **top, "export_params": {**inner, **params}}


FIELDS = [*((row, row.sent, {}) for row in TOP), *((row, {}, row.sent) for row in PARAMS)]


@pytest.mark.parametrize(("row", "top", "params"), FIELDS, ids=[row.spec for row, *_ in FIELDS])
def test_spec_sends_each_field(run: Run, cloud: Cloud, row: Row, top: Json, params: Json) -> None:
    """The body has the field and nothing else."""
    for command in (DIR, NEW):
        spec = make_spec(command, **{"top" if row in TOP else "params": row.spec})
        outcome = run(f"{command} -f - -o id", stdin=spec, **cloud.variables)
        assert outcome.code == 0, outcome.err
        assert is_same_json(cloud.created[-1], make_body(command, top, params))


FLAGS = [(row.flags, *sent) for row, *sent in FIELDS if row.flags]


@pytest.mark.parametrize(("flags", "top", "params"), FLAGS)
def test_flag_sends_each_field(run: Run, cloud: Cloud, flags: str, top: Json, params: Json) -> None:
    """A flag and a line of a spec send the same."""
    for command in (DIR, NEW):
        outcome = run(f"{command} {COMMANDS[command][1]} {flags} -o id", **cloud.variables)
        assert outcome.code == 0, outcome.err
        assert is_same_json(cloud.created[-1], make_body(command, top, params))


@pytest.mark.parametrize("row", CONDITIONS, ids=[row.flags or row.spec for row in CONDITIONS])
def test_search_condition_sends_each_field(run: Run, cloud: Cloud, row: Row) -> None:
    """A spec and --search send the same; --search accepts key=value and a mapping."""
    written = row.spec if row.spec.startswith("{") else f"{{{row.spec}}}"
    spec = make_spec(DIR, params=f"search_conditions: [{written}]")
    outcome = run("to-obs -f - -o id", stdin=spec, **cloud.variables)
    assert outcome.code == 0, outcome.err
    if row.flags:
        outcome = run(["to-obs", "--path", "/b/d/", "-o", "id", "--search", row.flags], **cloud.variables)
        assert outcome.code == 0, outcome.err
    assert all(is_same_json(sent, usual(search_conditions=[row.sent])) for sent in cloud.created)


def test_each_search_flag_is_a_condition(run: Run, cloud: Cloud) -> None:
    """Both forms can be combined; the order and duplicates are kept."""
    flags = "--search label=cat --search '{kvp: a}' --search label=cat"
    run(f"to-obs --path /b/d/ -o id {flags}", **cloud.variables)
    cat = {"label_list": {"labels": [{"name": "cat"}]}}
    assert is_same_json(cloud.created[0], usual(search_conditions=[cat, {"kvp": "a"}, cat]))


@pytest.mark.parametrize("row", [*DEFAULTS, *MERGED], ids=lambda row: f"{row.spec} {row.flags}")
def test_defaults_are_added_to_the_merged_spec_and_flags(run: Run, cloud: Cloud, row: Whole) -> None:
    """Two values have defaults; null omits them."""
    outcome = run(f"{row.command} -f - -o id {row.flags}", stdin=row.spec.encode(), **cloud.variables)
    assert outcome.code == 0, outcome.err
    assert is_same_json(cloud.created[0], row.sent)


MEMBERS = [
    pytest.param(choice, word, code, id=f"{choice.flag or choice.body} {word}")
    for choice in CHOICES
    for word, code in choice.members
]


@pytest.mark.parametrize(("choice", "word", "code"), MEMBERS)
def test_labels_and_wire_values_are_sent_as_wire_values(
    run: Run, cloud: Cloud, choice: Choice, word: str, code: str | int
) -> None:
    """Flags and specs accept both in any letter case."""
    spelled = list(dict.fromkeys([word, str(code).swapcase()]))
    written = [json.dumps(word.swapcase()), json.dumps(code)]
    for form in written:
        spec = choice.body.replace("@", form).encode()
        outcome = run("to-obs -f - -o id", stdin=spec, **cloud.variables)
        assert outcome.code == 0, outcome.err
    for text in spelled if choice.flag else []:
        outcome = run(f"to-obs --path /b/d/ {choice.flag} {text} -o id", **cloud.variables)
        assert outcome.code == 0, outcome.err
    expected = json.loads(choice.body.replace("@", json.dumps(code)))
    assert len(cloud.created) == len(written) + (len(spelled) if choice.flag else 0)
    assert all(is_same_json(sent, expected) for sent in cloud.created)


@pytest.mark.parametrize("command", [DIR, NEW])
def test_destination_is_accepted_in_any_letter_case(run: Run, cloud: Cloud, command: str) -> None:
    """A spec may write dir or new_dataset."""
    spec = make_spec(command).replace(b"DIR", b"Dir").replace(b"NEW_DATASET", b"new_dataset")
    assert run(f"{command} -f - -o id", stdin=spec, **cloud.variables).code == 0
    assert is_same_json(cloud.created[0], COMMANDS[command][2])


@pytest.mark.parametrize(("written", "sent"), PATHS)
def test_forms_of_a_path_are_normalized(run: Run, cloud: Cloud, written: str, sent: str) -> None:
    """It is sent as /bucket/dir/, from a flag, a spec, and as a work path."""
    spec = json.dumps({"path": written}).encode()
    assert run(["to-obs", "--path", written, "-o", "id"], **cloud.variables).code == 0
    assert run("to-obs -f - -o id", stdin=spec, **cloud.variables).code == 0
    line = ["to-new-dataset", "--path", "/z/in", "--new-dataset-name", "n", "-o", "id"]
    assert run([*line, "--new-dataset-work-path", written], **cloud.variables).code == 0
    bodies = [json.loads(body) for body in cloud.created]
    assert [body["path"] for body in bodies] == [sent, sent, "/z/in/"]
    assert bodies[2]["export_params"]["export_new_dataset_work_path"] == sent


@pytest.mark.parametrize(("written", "sent"), DOUBTFUL_PATHS)
def test_undocumented_path_is_sent_with_a_warning(run: Run, stub: Stub, written: str, sent: str) -> None:
    """The API decides about characters that no document mentions."""
    outcome = run(["to-obs", "--path", written, "-o", "id"], **stub.variables)
    assert "warning: --path:" in outcome.err
    assert is_same_json(stub.requests[0][3], {**USUAL, "path": sent})


@pytest.mark.parametrize("name", NAMES)
def test_name_of_a_new_dataset_is_sent_unchanged(run: Run, cloud: Cloud, name: str) -> None:
    """It has up to a hundred letters, digits, -, _ and Chinese characters."""
    line = f"to-new-dataset --path /b/d/ --new-dataset-name {name} --new-dataset-work-path /b/w/ -o id"
    assert run(line, **cloud.variables).code == 0
    assert json.loads(cloud.created[0])["export_params"]["export_new_dataset_name"] == name


AS_JSON, AS_INDENTED_JSON = json.dumps(EVERY_FIELD), json.dumps(EVERY_FIELD, indent="\t", ensure_ascii=False)


@pytest.mark.parametrize("spec", [AS_JSON, AS_INDENTED_JSON, yaml.safe_dump(EVERY_FIELD, allow_unicode=True)])
def test_spec_with_every_field_is_sent(run: Run, cloud: Cloud, spec: str) -> None:
    """A body with every field is a valid spec, as JSON and as YAML."""
    outcome = run("to-new-dataset -f - -o id", stdin=spec.encode(), **cloud.variables)
    assert outcome.code == 0, outcome.err
    assert is_same_json(cloud.created[0], EVERY_FIELD)


@pytest.mark.parametrize("row", SAMPLES)
def test_samples_of_flags_and_a_file_are_combined(
    run: Run, cloud: Cloud, tmp_path: Path, row: Samples
) -> None:
    """They keep their order, without duplicates, and replace the list of the spec."""
    spec, file = tmp_path / "spec.yaml", tmp_path / "ids.txt"
    spec.write_text("export_params: {samples: [z, a]}")
    file.write_bytes(row.content or b"")
    sources = [""] if row.content is None else ["--samples-file -", f"--samples-file {file}"]
    for more in ("", f"-f {spec}"):
        for source in sources:
            line = f"to-obs --path /b/d/ -o id {row.flags} {source} {more}"
            assert run(line, stdin=row.content or b"", **cloud.variables).code == 0
            assert is_same_json(cloud.created[-1], usual(samples=row.sent))


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"# a comment\n---\n", b"\r\n"])
@pytest.mark.parametrize(
    "spec", [b"path: /b/d/\r\nexport_type: 3\r\n", b'{"path": "/b/d/", "export_type": 3}']
)
def test_spec_is_read_from_a_file_and_from_stdin(
    run: Run, cloud: Cloud, tmp_path: Path, start: bytes, spec: bytes
) -> None:
    """YAML and JSON may have CRLF, a byte order mark or a document marker."""
    file = tmp_path / "spec"
    file.write_bytes(start + spec)
    assert run(f"to-obs -f {file} -o id", **cloud.variables).code == 0
    assert run("to-obs -f - -o id", stdin=start + spec, **cloud.variables).code == 0
    assert all(is_same_json(body, USUAL) for body in cloud.created)


@pytest.mark.parametrize("row", DATASETS)
def test_dataset_comes_from_argument_spec_variable_in_this_order(run: Run, stub: Stub, row: Origin) -> None:
    """The dataset is in the URL and not in the body."""
    line = f"to-obs {row.words} --path /b/d/ -f - -o id"
    run(line, stdin=row.spec.encode(), **{**stub.variables, **row.environ})
    method, path, _, body = stub.requests[0]
    assert (method, path) == ("POST", f"/v2/0123/datasets/{row.used}/export-tasks")
    assert is_same_json(body, USUAL)


@pytest.mark.parametrize("row", PROJECTS)
def test_project_comes_from_flag_spec_variables_in_this_order(run: Run, stub: Stub, row: Origin) -> None:
    """The project is in the URL, also in that of a dry run, and not in the body."""
    line, variables = f"to-obs --path /b/d/ -f - {row.words}", {**stub.variables, **row.environ}
    run(f"{line} -o id", stdin=row.spec.encode(), **variables)
    assert stub.requests[0][1] == f"/v2/{row.used}/datasets/abc/export-tasks"
    assert is_same_json(stub.requests[0][3], USUAL)
    shown = json.loads(run(f"{line} --dry-run -o json", stdin=row.spec.encode(), **variables).out)
    assert shown == {"method": "POST", "url": f"{stub.url}{stub.requests[0][1]}", "body": USUAL}


@pytest.mark.parametrize(
    "extra", ["", "--path /b/数据/ --sample é", "--search 'label=a,b' --train-sample-ratio 0.80"]
)
@pytest.mark.parametrize("command", [DIR, NEW])
def test_dry_run_shows_the_bytes_that_are_sent(run: Run, cloud: Cloud, command: str, extra: str) -> None:
    """The last line is the body; -o json has it too, and nothing is sent."""
    line = f"{command} {COMMANDS[command][1]} {extra}"
    dry = run(f"{line} --dry-run", **cloud.variables)
    as_json = run(f"{line} --dry-run -o json", **cloud.variables)
    assert not cloud.exchanges
    assert run(line, **cloud.variables).code == 0
    assert dry.out.splitlines()[-1].encode() == cloud.created[0]
    assert is_same_json(cloud.created[0], json.loads(as_json.out)["body"])


def iter_field_names(part: type[RequestModel], within: str = "") -> Iterator[str]:
    """Yield the dotted name of every field of a model."""
    for name, field in part.model_fields.items():
        yield within + name
        for inner in iter_models(field.annotation):
            yield from iter_field_names(inner, f"{within}{name}.")


def iter_models(annotation: object) -> Iterator[type[RequestModel]]:
    """Yield the models in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, RequestModel):
        yield annotation
    for inner in get_args(annotation):
        yield from iter_models(inner)


def iter_keys(body: object, within: str = "") -> Iterator[str]:
    """Yield the dotted name of every key of a body, also of those in lists."""
    if isinstance(body, list):
        for inner in body:
            yield from iter_keys(inner, within)
    for key, inner in body.items() if isinstance(body, dict) else ():
        yield within + key
        if key not in ("property", "props"):  # whose keys are the user's own
            yield from iter_keys(inner, f"{within}{key}.")


def test_every_field_has_a_row() -> None:
    """Each field of the models is in the body of a row."""
    fields = [*(row.sent for row in TOP), *(row.sent for row in (*DEFAULTS, *MERGED))]
    params = [*(row.sent for row in PARAMS), *({"search_conditions": [row.sent]} for row in CONDITIONS)]
    choices = [json.loads(choice.body.replace("@", "0")) for choice in CHOICES]
    shown = {key for body in (*fields, {"export_params": params}, *choices) for key in iter_keys(body)}
    declared = {*iter_field_names(ToObs), *iter_field_names(ToNewDataset)}
    assert declared == shown
    assert declared | {"dataset_id"} == EVERY_DOCUMENTED_FIELD
    assert declared == set(iter_keys(EVERY_FIELD))
    assert set(SpecMetadata.model_fields) == {"dataset_id", "project_id", "name"}


def test_no_flag_is_without_a_row() -> None:
    """Each flag of the commands is in a row."""
    rows = [f"{NAMED_FLAGS} --path", *(row.flags for row in (*TOP, *PARAMS)), *(row.flag for row in CHOICES)]
    words = shlex.split(" ".join(filter(None, rows)))
    used = {word.removeprefix("--").removeprefix("no-") for word in words if word.startswith("--")}
    assert used == {field.flag for kind in (ToObs, ToNewDataset) for field in iter_flag_fields(kind)}
