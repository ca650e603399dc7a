"""Each field of a request, by spec and by flag, over HTTP to the body that was written here by hand."""

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


def same(sent: bytes | str, body: object) -> bool:
    """Compare as JSON, where 1 is neither 1.0 nor true."""
    return json.dumps(json.loads(sent), sort_keys=True) == json.dumps(body, sort_keys=True)


def spec_of(command: str, top: str = "", params: str = "") -> bytes:
    """Return a spec with these lines beside what the command needs; no line is touched."""
    needed = COMMANDS[command][0].replace(", ", "\n  ")
    return f"path: /b/d/\n{top}\nexport_params:\n  {needed}\n  {params}\n".encode()


def body_of(command: str, top: Json, params: Json) -> Json:
    """Return the body of a plain request with these fields more."""
    body = COMMANDS[command][2]
    inner = body["export_params"]
    assert isinstance(inner, dict)
    return {**body, **top, "export_params": {**inner, **params}}


FIELDS = [*((row, row.sent, {}) for row in TOP), *((row, {}, row.sent) for row in PARAMS)]


@pytest.mark.parametrize(("row", "top", "params"), FIELDS, ids=[row.spec for row, *_ in FIELDS])
def test_a_spec_sends_each_field(run: Run, cloud: Cloud, row: Row, top: Json, params: Json) -> None:
    """A line of a spec goes into the body as it is written here, and nothing else with it."""
    for command in (DIR, NEW):
        spec = spec_of(command, **{"top" if row in TOP else "params": row.spec})
        outcome = run(f"{command} -f - -o id", stdin=spec, **cloud.variables)
        assert outcome.code == 0, outcome.err
        assert same(cloud.created[-1], body_of(command, top, params))


FLAGS = [(row.flags, *sent) for row, *sent in FIELDS if row.flags]


@pytest.mark.parametrize(("flags", "top", "params"), FLAGS)
def test_a_flag_sends_each_field(run: Run, cloud: Cloud, flags: str, top: Json, params: Json) -> None:
    """A flag sends what its line of a spec sends."""
    for command in (DIR, NEW):
        outcome = run(f"{command} {COMMANDS[command][1]} {flags} -o id", **cloud.variables)
        assert outcome.code == 0, outcome.err
        assert same(cloud.created[-1], body_of(command, top, params))


@pytest.mark.parametrize("row", CONDITIONS, ids=[row.flags or row.spec for row in CONDITIONS])
def test_each_field_of_a_condition_by_a_spec_and_by_search(run: Run, cloud: Cloud, row: Row) -> None:
    """A search condition is sent as it is written here; --search takes words, and a whole mapping."""
    written = row.spec if row.spec.startswith("{") else f"{{{row.spec}}}"
    spec = spec_of(DIR, params=f"search_conditions: [{written}]")
    outcome = run("to-obs -f - -o id", stdin=spec, **cloud.variables)
    assert outcome.code == 0, outcome.err
    if row.flags:
        outcome = run(["to-obs", "--path", "/b/d/", "-o", "id", "--search", row.flags], **cloud.variables)
        assert outcome.code == 0, outcome.err
    assert all(same(sent, usual(search_conditions=[row.sent])) for sent in cloud.created)


def test_several_searches_are_several_conditions(run: Run, cloud: Cloud) -> None:
    """Words and mappings may stand beside each other; the order is kept, twins included."""
    flags = "--search label=cat --search '{kvp: a}' --search label=cat"
    run(f"to-obs --path /b/d/ -o id {flags}", **cloud.variables)
    cat = {"label_list": {"labels": [{"name": "cat"}]}}
    assert same(cloud.created[0], usual(search_conditions=[cat, {"kvp": "a"}, cat]))


@pytest.mark.parametrize("row", [*DEFAULTS, *MERGED], ids=lambda row: f"{row.spec} {row.flags}")
def test_defaults_come_after_flags_are_laid_over_the_spec(run: Run, cloud: Cloud, row: Whole) -> None:
    """Two values are filled in where nothing was said, and null says: leave it out."""
    outcome = run(f"{row.command} -f - -o id {row.flags}", stdin=row.spec.encode(), **cloud.variables)
    assert outcome.code == 0, outcome.err
    assert same(cloud.created[0], row.sent)


MEMBERS = [
    pytest.param(choice, word, code, id=f"{choice.flag or choice.body} {word}")
    for choice in CHOICES
    for word, code in choice.members
]


@pytest.mark.parametrize(("choice", "word", "code"), MEMBERS)
def test_words_and_codes_of_each_enumeration_in_any_letter_case(
    run: Run, cloud: Cloud, choice: Choice, word: str, code: str | int
) -> None:
    """The word and the code are taken, by flag and by spec, and the code is sent."""
    spelled = list(dict.fromkeys([word, word.swapcase(), str(code), str(code).swapcase()]))
    written = [json.dumps(s) for s in spelled] + [str(code)] * isinstance(code, int)
    for form in written:
        spec = choice.body.replace("@", form).encode()
        outcome = run("to-obs -f - -o id", stdin=spec, **cloud.variables)
        assert outcome.code == 0, outcome.err
    for text in spelled if choice.flag else []:
        outcome = run(f"to-obs --path /b/d/ {choice.flag} {text} -o id", **cloud.variables)
        assert outcome.code == 0, outcome.err
    expected = json.loads(choice.body.replace("@", json.dumps(code)))
    assert len(cloud.created) == len(written) + (len(spelled) if choice.flag else 0)
    assert all(same(sent, expected) for sent in cloud.created)


@pytest.mark.parametrize("command", [DIR, NEW])
def test_the_destination_is_taken_in_any_letter_case(run: Run, cloud: Cloud, command: str) -> None:
    """A spec may write dir or new_dataset."""
    spec = spec_of(command).replace(b"DIR", b"Dir").replace(b"NEW_DATASET", b"new_dataset")
    assert run(f"{command} -f - -o id", stdin=spec, **cloud.variables).code == 0
    assert same(cloud.created[0], COMMANDS[command][2])


@pytest.mark.parametrize(("written", "sent"), PATHS)
def test_forms_of_a_path(run: Run, cloud: Cloud, written: str, sent: str) -> None:
    """Every form of an OBS directory is sent as /bucket/dir/, by flag, by spec, and as a work path too."""
    spec = json.dumps({"path": written}).encode()
    assert run(["to-obs", "--path", written, "-o", "id"], **cloud.variables).code == 0
    assert run("to-obs -f - -o id", stdin=spec, **cloud.variables).code == 0
    line = ["to-new-dataset", "--path", "/z/in", "--new-dataset-name", "n", "-o", "id"]
    assert run([*line, "--new-dataset-work-path", written], **cloud.variables).code == 0
    bodies = [json.loads(body) for body in cloud.created]
    assert [body["path"] for body in bodies] == [sent, sent, "/z/in/"]
    assert bodies[2]["export_params"]["export_new_dataset_work_path"] == sent


@pytest.mark.parametrize(("written", "sent"), DOUBTFUL_PATHS)
def test_a_doubtful_path_is_sent_all_the_same(run: Run, stub: Stub, written: str, sent: str) -> None:
    """What the documents leave open about a path warns and goes to the API."""
    outcome = run(["to-obs", "--path", written, "-o", "id"], **stub.variables)
    assert "warning: --path:" in outcome.err
    assert same(stub.requests[0][3], {**USUAL, "path": sent})


@pytest.mark.parametrize("name", NAMES)
def test_names_of_a_new_dataset(run: Run, cloud: Cloud, name: str) -> None:
    """Letters, digits, -, _ and Chinese characters, up to a hundred, reach the API unchanged."""
    line = f"to-new-dataset --path /b/d/ --new-dataset-name {name} --new-dataset-work-path /b/w/ -o id"
    assert run(line, **cloud.variables).code == 0
    assert json.loads(cloud.created[0])["export_params"]["export_new_dataset_name"] == name


AS_JSON, AS_INDENTED_JSON = json.dumps(EVERY_FIELD), json.dumps(EVERY_FIELD, indent="\t", ensure_ascii=False)


@pytest.mark.parametrize("spec", [AS_JSON, AS_INDENTED_JSON, yaml.safe_dump(EVERY_FIELD, allow_unicode=True)])
def test_every_field_at_once_by_a_spec_in_yaml_and_in_json(run: Run, cloud: Cloud, spec: str) -> None:
    """A body with every field is its own spec, as JSON as it stands and as YAML."""
    outcome = run("to-new-dataset -f - -o id", stdin=spec.encode(), **cloud.variables)
    assert outcome.code == 0, outcome.err
    assert same(cloud.created[0], EVERY_FIELD)


@pytest.mark.parametrize("row", SAMPLES)
def test_samples_of_flags_and_of_a_file_add_up(run: Run, cloud: Cloud, tmp_path: Path, row: Samples) -> None:
    """One ID a line, in order, each once; and all of them replace the spec's list."""
    spec, file = tmp_path / "spec.yaml", tmp_path / "ids.txt"
    spec.write_text("export_params: {samples: [z, a]}")
    file.write_bytes(row.content or b"")
    sources = [""] if row.content is None else ["--samples-file -", f"--samples-file {file}"]
    for more in ("", f"-f {spec}"):
        for source in sources:
            line = f"to-obs --path /b/d/ -o id {row.flags} {source} {more}"
            assert run(line, stdin=row.content or b"", **cloud.variables).code == 0
            assert same(cloud.created[-1], usual(samples=row.sent))


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"# a comment\n---\n", b"\r\n"])
@pytest.mark.parametrize(
    "spec", [b"path: /b/d/\r\nexport_type: 3\r\n", b'{"path": "/b/d/", "export_type": 3}']
)
def test_a_spec_is_read_from_a_file_and_from_stdin(
    run: Run, cloud: Cloud, tmp_path: Path, start: bytes, spec: bytes
) -> None:
    """YAML and JSON, with CRLF, a byte order mark or a document marker."""
    file = tmp_path / "spec"
    file.write_bytes(start + spec)
    assert run(f"to-obs -f {file} -o id", **cloud.variables).code == 0
    assert run("to-obs -f - -o id", stdin=start + spec, **cloud.variables).code == 0
    assert all(same(body, USUAL) for body in cloud.created)


@pytest.mark.parametrize("row", DATASETS)
def test_dataset_comes_from_argument_spec_variable_in_this_order(run: Run, stub: Stub, row: Origin) -> None:
    """The dataset stands in the URL, and never in the body."""
    line = f"to-obs {row.words} --path /b/d/ -f - -o id"
    run(line, stdin=row.spec.encode(), **{**stub.variables, **row.environ})
    method, path, _, body = stub.requests[0]
    assert (method, path) == ("POST", f"/v2/0123/datasets/{row.used}/export-tasks")
    assert same(body, USUAL)


@pytest.mark.parametrize("row", PROJECTS)
def test_project_comes_from_flag_spec_variables_in_this_order(run: Run, stub: Stub, row: Origin) -> None:
    """The project stands in the URL, in a dry run's too, and never in the body."""
    line, variables = f"to-obs --path /b/d/ -f - {row.words}", {**stub.variables, **row.environ}
    run(f"{line} -o id", stdin=row.spec.encode(), **variables)
    assert stub.requests[0][1] == f"/v2/{row.used}/datasets/abc/export-tasks"
    assert same(stub.requests[0][3], USUAL)
    shown = json.loads(run(f"{line} --dry-run -o json", stdin=row.spec.encode(), **variables).out)
    assert shown == {"method": "POST", "url": f"{stub.url}{stub.requests[0][1]}", "body": USUAL}


@pytest.mark.parametrize(
    "extra", ["", "--path /b/数据/ --sample é", "--search 'label=a,b' --train-sample-ratio 0.80"]
)
@pytest.mark.parametrize("command", [DIR, NEW])
def test_a_dry_run_shows_the_very_bytes_that_are_sent(
    run: Run, cloud: Cloud, command: str, extra: str
) -> None:
    """The last line of a dry run is the body, byte by byte; -o json has it too; nothing is sent."""
    line = f"{command} {COMMANDS[command][1]} {extra}"
    dry = run(f"{line} --dry-run", **cloud.variables)
    as_json = run(f"{line} --dry-run -o json", **cloud.variables)
    assert not cloud.exchanges
    assert run(line, **cloud.variables).code == 0
    assert dry.out.splitlines()[-1].encode() == cloud.created[0]
    assert same(cloud.created[0], json.loads(as_json.out)["body"])


def fields_of(part: type[RequestModel], within: str = "") -> Iterator[str]:
    """Yield every field of a model, dotted."""
    for name, field in part.model_fields.items():
        yield within + name
        for inner in parts_in(field.annotation):
            yield from fields_of(inner, f"{within}{name}.")


def parts_in(annotation: object) -> Iterator[type[RequestModel]]:
    """Yield the models in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, RequestModel):
        yield annotation
    for inner in get_args(annotation):
        yield from parts_in(inner)


def keys_of(body: object, within: str = "") -> Iterator[str]:
    """Yield every key of a body, dotted, lists being looked into."""
    if isinstance(body, list):
        for inner in body:
            yield from keys_of(inner, within)
    for key, inner in body.items() if isinstance(body, dict) else ():
        yield within + key
        if key not in ("property", "props"):  # whose keys are the user's own
            yield from keys_of(inner, f"{within}{key}.")


def test_no_field_is_without_a_row() -> None:
    """Each field of the models, and each documented one, stands in a body that some row sends."""
    fields = [*(row.sent for row in TOP), *(row.sent for row in (*DEFAULTS, *MERGED))]
    params = [*(row.sent for row in PARAMS), *({"search_conditions": [row.sent]} for row in CONDITIONS)]
    choices = [json.loads(choice.body.replace("@", "0")) for choice in CHOICES]
    shown = {key for body in (*fields, {"export_params": params}, *choices) for key in keys_of(body)}
    declared = {*fields_of(ToObs), *fields_of(ToNewDataset)}
    assert declared == shown
    assert declared | {"dataset_id"} == EVERY_DOCUMENTED_FIELD
    assert declared == set(keys_of(EVERY_FIELD))
    assert set(SpecMetadata.model_fields) == {"dataset_id", "project_id", "name"}


def test_no_flag_is_without_a_row() -> None:
    """Each flag of the commands stands in some row."""
    rows = [f"{NAMED_FLAGS} --path", *(row.flags for row in (*TOP, *PARAMS)), *(row.flag for row in CHOICES)]
    words = shlex.split(" ".join(filter(None, rows)))
    used = {word.removeprefix("--").removeprefix("no-") for word in words if word.startswith("--")}
    assert used == {field.flag for kind in (ToObs, ToNewDataset) for field in iter_flag_fields(kind)}
