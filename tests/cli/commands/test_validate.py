"""The command `validate`, and the problems, variables and limits of specs."""

import json
from pathlib import Path

import pytest

from tests.conftest import Run, Stub

VALID = "dataset_id: abc\nname: nightly\npath: /b/one/\n"
NEW = (
    "path: /b/two/\nexport_params:\n  export_dest: NEW_DATASET\n"
    "  export_new_dataset_name: cats\n  export_new_dataset_work_path: /b/work/\n"
)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to an empty directory, so that files have short names."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_valid_files_are_counted_and_a_missing_dataset_id_is_noted(run: Run, directory: Path) -> None:
    (directory / "a.yaml").write_text(f"{VALID}---\n{NEW}")
    (directory / "b.yaml").write_text("dataset_id: abc\npath: /b/three/\n")
    outcome = run("validate a.yaml b.yaml")
    assert (outcome.code, outcome.out) == (0, "a.yaml: valid (2 exports)\nb.yaml: valid (1 export)\n")
    assert outcome.err == "hint: a.yaml:5 has no dataset_id; give DATASET when you submit it\n"
    assert run("validate b.yaml").err == ""


def test_missing_key_is_located_at_its_parent(run: Run, directory: Path) -> None:
    """Not at the first key of a block mapping, which is another one."""
    (directory / "a.yaml").write_text("name: x\n")
    assert run("validate a.yaml").err == "error: a.yaml:1:1: path is required\n"
    (directory / "a.yaml").write_text('{"name": "x"}')
    assert run("validate a.yaml").err.endswith('\n    1 | {"name": "x"}\n        ^\n')
    (directory / "a.yaml").write_text(NEW.replace("  export_new_dataset_name: cats\n", ""))
    assert run("validate a.yaml").err == (
        "error: a.yaml:2:1: export_params.export_new_dataset_name is required\n"
        "    2 | export_params:\n"
        "        ^\n"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: no", 'name: YAML reads no as false; write "no"'),
        ("name: On", 'name: YAML reads On as true; write "On"'),
        ("name: true", 'name: YAML does not read true as text; write "true"'),
        ("status: yes", "status: must be a whole number; YAML reads yes as true unless it is quoted"),
        ("sample_state: no", "); YAML reads no as false unless it is quoted"),
    ],
)
def test_word_that_yaml_reads_as_boolean_is_named(run: Run, text: str, message: str) -> None:
    assert f"{message}\n" in run("validate -", stdin=f"path: /b/d/\n{text}\n".encode()).err


def test_valid_spec_is_an_array_in_json(run: Run, directory: Path) -> None:
    (directory / "a.yaml").write_text(VALID)
    assert json.loads(run("validate a.yaml -o json").out) == [
        {
            "spec": "a.yaml:1",
            "command": "to-obs",
            "name": "nightly",
            "dataset_id": "abc",
            "project_id": None,
            "path": "/b/one/",
        }
    ]


@pytest.fixture
def tree(directory: Path) -> Path:
    """Make a directory `specs` with specs, other files, hidden files, and links in a circle."""
    specs = ("specs/b.yaml", "specs/a.yml", "specs/C.JSON", "specs/team/d.yaml", "specs/team/x/e.yaml")
    others = ("specs/notes.txt", "specs/.hidden.yaml", "specs/.git/f.yaml", "specs/team/README.md")
    for number, name in enumerate((*specs, *others)):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{{"dataset_id": "abc", "path": "/b/{number}/"}}' if name in specs else "no spec")
    (directory / "specs/team/circle").symlink_to(directory / "specs")
    return directory


@pytest.mark.parametrize(
    ("line", "files"),
    [
        ("specs", "specs/C.JSON specs/a.yml specs/b.yaml"),
        ("specs/", "specs/C.JSON specs/a.yml specs/b.yaml"),
        ("-R specs", "specs/C.JSON specs/a.yml specs/b.yaml specs/team/d.yaml specs/team/x/e.yaml"),
        ("specs/team --recursive", "specs/team/d.yaml specs/team/x/e.yaml"),
        ("specs/b.yaml specs", "specs/b.yaml specs/C.JSON specs/a.yml"),
        ("-R specs/team/x specs/team", "specs/team/x/e.yaml specs/team/d.yaml"),
        (". -R", "specs/C.JSON specs/a.yml specs/b.yaml specs/team/d.yaml specs/team/x/e.yaml"),
    ],
)
@pytest.mark.usefixtures("tree")
def test_directory_stands_for_its_spec_files(run: Run, line: str, files: str) -> None:
    outcome = run(f"validate -o json {line}")
    assert (outcome.code, outcome.err) == (0, "")
    assert [row["spec"] for row in json.loads(outcome.out)] == [f"{file}:1" for file in files.split()]


def test_directory_without_specs_is_refused(run: Run, tree: Path) -> None:
    (tree / "empty").mkdir()
    outcome = run("validate empty")
    assert (outcome.code, outcome.err) == (2, "error: empty: no .yaml, .yml or .json file\n")
    assert run("validate -R empty").err == outcome.err
    assert run("validate .").err == (
        "error: .: no .yaml, .yml or .json file; the directories in it were not searched\n"
        "hint: -R searches the directories in a directory too\n"
    )


def test_problems_in_directories_are_reported_with_those_of_files(run: Run, tree: Path) -> None:
    (tree / "empty").mkdir()
    (tree / "specs" / "b.yaml").write_text("path: b\n")
    outcome = run("validate empty missing.yaml specs")
    assert outcome.code == 2
    assert [line for line in outcome.err.splitlines() if not line.startswith("    ")] == [
        "error: 3 problems",
        "  empty: no .yaml, .yml or .json file",
        "  missing.yaml: no such file or directory",
        "  specs/b.yaml:1:7: path: 'b' is not an OBS directory; write /bucket/dir/ or obs://bucket/dir/",
    ]


def test_directory_that_cannot_be_read_is_refused(
    run: Run, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read every directory, so the name of one that is gone stands for it."""
    monkeypatch.setattr("os.path.isdir", lambda _path: True)
    assert run(f"validate {tree}/gone").err.endswith("gone: no such file or directory\n")


def test_problems_of_all_files_are_reported_together(run: Run, directory: Path) -> None:
    """File by file and line by line, each with an excerpt and a caret."""
    (directory / "a.yaml").write_text("path: b\nexport_tpe: 3\n")
    (directory / "b.yaml").write_text("- a list\n")
    (directory / "c.yaml").write_text(VALID + "export_type: serch\n")
    outcome = run("validate a.yaml b.yaml c.yaml missing.yaml")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == (
        "error: 5 problems\n"
        "  a.yaml:1:7: path: 'b' is not an OBS directory; write /bucket/dir/ or obs://bucket/dir/\n"
        "    1 | path: b\n"
        "              ^\n"
        "  a.yaml:2:1: export_tpe: unknown field; did you mean 'export_type'?\n"
        "    2 | export_tpe: 3\n"
        "        ^\n"
        "  b.yaml:1:1: a spec is a mapping of keys to values; this document is a list\n"
        "  c.yaml:4:14: export_type: 'serch' is not a valid export type "
        "(choose from labeled, unlabeled, all, search); did you mean 'search'?\n"
        "    4 | export_type: serch\n"
        "                     ^\n"
        "  missing.yaml: no such file or directory\n"
    )


def test_conflicts_of_files_and_syntax_errors_are_in_the_order_of_the_files(
    run: Run, directory: Path
) -> None:
    (directory / "a.yaml").write_text("path: /b/one/\nname: n\n")
    (directory / "b.yaml").write_text("path: /b/one/\nname: n\n")
    (directory / "c.yaml").write_text("path: b\n")
    (directory / "d.yaml").write_text("path: [\n")
    lines = run("validate a.yaml b.yaml c.yaml d.yaml").err.splitlines()
    places = [line.split(": ", 1)[0].strip() for line in lines if ".yaml:" in line]
    assert places == ["b.yaml:1:7", "b.yaml:2:7", "c.yaml:1:7", "d.yaml:1:8"]


def test_caret_is_aligned_after_wide_and_escaped_characters(run: Run, directory: Path) -> None:
    """On a terminal an ideograph has two columns, and an escape six."""
    (directory / "a.yaml").write_text('{name: "桶\u202e", path: b}\n')
    *_, line, caret = run("validate a.yaml").err.splitlines()
    assert line == r'    1 | {name: "桶\u202e", path: b}'
    assert caret == "        " + " " * len(r'{name: "##\u202e", path: ') + "^"


def test_syntax_error_shows_the_line_where_the_open_part_begins(run: Run) -> None:
    assert run("validate -", stdin=b"path: /b/d/\nx: [1, 2\n").err.splitlines()[1:] == [
        "    2 | x: [1, 2",
        "           ^",
    ]


def test_location_and_caret_have_color(run: Run, directory: Path) -> None:
    (directory / "a.yaml").write_text("path: b\n")
    label, *lines = run("validate a.yaml", FORCE_COLOR="1", TERM="xterm-256color").err.splitlines()
    assert "\x1b[1ma.yaml:1:7\x1b[0m: path: 'b' is not" in label
    assert lines == ["    1 | path: b", "\x1b[1;31m              ^\x1b[0m"]
    (directory / "a.yaml").write_text("path: b\nnmae: x\n")
    lines = run("validate a.yaml", FORCE_COLOR="1", TERM="xterm-256color").err.splitlines()
    assert "\x1b[1m  a.yaml:2:1\x1b[0m: nmae: unknown field; did you mean 'name'?" in lines


def test_excerpt_of_a_long_line_is_cut(run: Run, directory: Path) -> None:
    samples = ",".join(f'"{i:032x}"' for i in range(1000))
    (directory / "a.json").write_text(f'{{"path": "b", "export_params": {{"samples": [{samples}, 7, "a"]}}}}')
    lines = run("validate a.json").err.splitlines()
    assert max(map(len, lines)) < 160
    assert lines[-2][lines[-1].index("^")] == "7"


def test_specs_with_the_same_path_are_refused(run: Run, directory: Path) -> None:
    """Their files would mix; /b/c/ and obs://b/c are the same path."""
    (directory / "a.yaml").write_text("path: /b/c/\n---\npath: /b/d/\n")
    (directory / "b.yaml").write_text("path: obs://b/c\n")
    outcome = run("validate a.yaml b.yaml")
    assert outcome.code == 2
    assert "b.yaml:1:7: path: a.yaml:1 writes to /b/c/ too" in outcome.err


def test_variables_come_from_flags_environment_and_defaults(run: Run, directory: Path) -> None:
    """An interpolated value is parsed like the value of a flag."""
    (directory / "a.yaml").write_text(
        "dataset_id: ${DATASET}\npath: /b/${DAY:-monday}/\nexport_type: ${TYPE}\n"
        "with_column_header: ${HEADER}\nexport_params:\n  train_sample_ratio: ${RATIO}\n  sample_state: ''\n"
        "  search_conditions:\n  - {frame_in_video: '${FRAME}', hard: '${HEADER}'}\n"
    )
    line = "to-obs -f a.yaml --dry-run -o json --var DATASET=abc --var TYPE=Search --var RATIO=0.80"
    printed = json.loads(
        run(
            line,
            MODELARTS_EXPORT_VAR_HEADER="true",
            MODELARTS_EXPORT_VAR_FRAME="7",
            MODELARTS_EXPORT_VAR_DATASET="of the environment",
        ).out
    )
    assert printed["url"].endswith("/datasets/abc/export-tasks")
    assert printed["body"] == {
        "path": "/b/monday/",
        "export_type": 3,
        "with_column_header": True,
        "export_params": {
            "sample_state": "",
            "export_dest": "DIR",
            "train_sample_ratio": "0.80",
            "search_conditions": [{"frame_in_video": 7, "hard": "1"}],
        },
    }


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (
            "dataset_id: ${EMPTY}\npath: /b/c/\n",
            "1:13",
            "${EMPTY} is empty, and an ID is required",
        ),
        ("path: /b/${UNSET}/\n", "1:7", "${UNSET} is not defined"),
        ("name: a\npath: '/b/${HW_SECRET_KEY}/'\n", "2:7", "; pass it with --var HW_SECRET_KEY"),
        ("name: a\npath: '/b/${KEY}/'\n", "2:7", "${KEY} would put a secret into the request"),
        ("path: /b/c/\nname: ${\n", "2:7", "has no closing }"),
        ("path: /b/${A}/\n", "1:7", "path: /b/${A}/ has an empty directory name"),
        ("${A}: 1\npath: /b/c/\n", "1:1", "${A}: unknown field"),
    ],
)
def test_invalid_variable_is_reported_with_its_position(
    run: Run, stub: Stub, text: str, place: str, message: str
) -> None:
    """Keys are not interpolated, and a secret is never sent."""
    assignments = {"EMPTY": "", "A": "/x", "KEY": "a-secret-of-mine"}
    environ = {f"MODELARTS_EXPORT_VAR_{name}": value for name, value in assignments.items()}
    environ |= {**stub.variables, "HW_SECRET_KEY": "a-secret-of-mine"}
    outcome = run("to-obs -f -", stdin=text.encode(), **environ)
    assert (outcome.code, stub.requests) == (2, [])
    assert f"<stdin>:{place}: " in outcome.err
    assert message in outcome.err
    assert "a-secret-of-mine" not in outcome.err


def test_value_with_an_undefined_variable_is_reported_once(run: Run) -> None:
    outcome = run("validate -", stdin=b"dataset_id: ${A}\npath: ${B}\n")
    assert "error: 2 problems" in outcome.err


@pytest.mark.parametrize("line", ["to-obs -f - --var 1", "validate - --var =b"])
def test_invalid_var_is_refused(run: Run, line: str) -> None:
    outcome = run(line, stdin=b"path: /b/c/\n")
    assert outcome.code == 2
    assert "--var: " in outcome.err


def test_now_is_the_same_in_all_specs_of_a_process(run: Run) -> None:
    """A batch that runs over midnight writes to the directory of one day."""
    specs = "---\n".join(f"path: /b/{i}/${{now:%Y%m%d%H%M%S%f}}/\n" for i in range(200))
    rows = json.loads(run("validate - -o json", stdin=specs.encode()).out)
    assert len({row["path"].split("/")[3] for row in rows}) == 1


def test_warning_does_not_make_a_spec_invalid(run: Run, directory: Path) -> None:
    (directory / "a.yaml").write_text("path: /b/v1.0/\n")
    outcome = run("validate a.yaml")
    assert outcome.code == 0
    assert "warning: a.yaml:1:7: path: '.' in a path is not documented" in outcome.err


def test_stdin_given_twice_is_refused(run: Run) -> None:
    assert run("validate - -", stdin=b"path: /b/c/\n").code == 2


def test_file_over_the_limit_is_refused(run: Run, directory: Path) -> None:
    (directory / "a.yaml").write_bytes(b"#" * (16 * 2**20 + 1))
    outcome = run("validate a.yaml")
    assert outcome.code == 2
    assert "a.yaml: larger than 16 MiB" in outcome.err


def test_samples_are_sent_up_to_the_limit_of_a_body(run: Run, stub: Stub, directory: Path) -> None:
    """With one ID too many nothing is sent, and the error says how many fit."""
    fits = (
        12 * 2**20
        - len('{"path":"/b/c/","export_type":3,"export_params":{"sample_state":"",')
        - len('"export_dest":"DIR","samples":[]}}')
        + 1
    ) // len('"00000000000000000000000000000000",')
    ids = [f"{i:032x}\n" for i in range(fits + 1)]
    (directory / "fits").write_text("".join(ids[:-1]))
    (directory / "over").write_text("".join(ids))
    stub.body = b'{"task_id":"t1","status":"INIT"}'
    assert run("to-obs --path /b/c/ --samples-file fits -o id", **stub.variables).code == 0
    outcome = run("to-obs --path /b/c/ --samples-file over -o id", **stub.variables)
    assert outcome.code == 2
    assert f"; the first {fits:,} of the {fits + 1:,} samples fit" in outcome.err
    assert len(stub.requests) == 1
    assert 12 * 2**20 - 35 < len(stub.requests[0][3]) <= 12 * 2**20


def test_invalid_document_does_not_hide_problems_of_others(run: Run) -> None:
    """Before and after a list, before invalid YAML, and beside a path that is used twice."""
    err = run("validate -", stdin=b"path: /b/d/\nzzz: 1\n---\n- a\n---\nqqq: 1\n").err
    expected = ("zzz: unknown", "is a list", "qqq: unknown", "path is required")
    assert [message for message in expected if message not in err] == []
    err = run("validate -", stdin=b"path: b\n---\na: [\n").err
    assert "path: 'b' is not" in err
    assert "error: 2 problems" in err
    err = run("validate -", stdin=b"path: /b/c/\n---\npath: /b/c/\nzzz: 1\n").err
    assert "writes to /b/c/ too" in err
    assert "zzz: unknown" in err


def test_merge_key_does_not_hide_a_missing_field(run: Run) -> None:
    """Both are reported at the start of the document."""
    err = run("validate -", stdin=b"<<: {x: 1}\nexport_type: 3\n").err
    assert "merge keys" in err
    assert "path is required" in err
