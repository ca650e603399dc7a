"""Checking specs: all problems of all files in one go, each shown where it stands."""

import json
from pathlib import Path

import pytest

from tests.conftest import Run, Stub

GOOD = "dataset_id: abc\nname: nightly\npath: /b/one/\n"
NEW = (
    "path: /b/two/\nexport_params:\n  export_dest: NEW_DATASET\n"
    "  export_new_dataset_name: cats\n  export_new_dataset_work_path: /b/work/\n"
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty directory, so that files have short names."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_good_specs_are_shown_as_a_table(run: Run, here: Path) -> None:
    """A line each; a column that nobody fills is left out."""
    (here / "a.yaml").write_text(f"{GOOD}---\n{NEW}")
    outcome = run("validate a.yaml")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (
        "SPEC      COMMAND         NAME     DATASET  PATH\n"
        "a.yaml:1  to-obs          nightly  abc      /b/one/\n"
        "a.yaml:5  to-new-dataset                    /b/two/\n"
    )


def test_good_specs_are_an_array_in_json(run: Run, here: Path) -> None:
    """Also when there is only one."""
    (here / "a.yaml").write_text(GOOD)
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


def test_all_problems_of_all_files_in_one_go(run: Run, here: Path) -> None:
    """File by file and line by line, with the line itself and a caret under the mistake."""
    (here / "a.yaml").write_text("path: b\nexport_tpe: 3\n")
    (here / "b.yaml").write_text("- a list\n")
    (here / "c.yaml").write_text(GOOD + "export_type: serch\n")
    outcome = run("validate a.yaml b.yaml c.yaml missing.yaml")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == (
        "error: 5 problems; nothing was sent\n"
        "  b.yaml:1:1: a spec is a mapping of keys to values; this document is a list\n"
        "  missing.yaml: no such file or directory\n"
        "  a.yaml:1:7: path: 'b' is not an OBS directory; write /bucket/dir/ or obs://bucket/dir/\n"
        "    1 | path: b\n"
        "              ^\n"
        "  a.yaml:2:1: export_tpe: unknown key; did you mean export_type?\n"
        "    2 | export_tpe: 3\n"
        "        ^\n"
        "  c.yaml:4:14: export_type: 'serch' is not one of labeled, unlabeled, all, search;"
        " did you mean search?\n"
        "    4 | export_type: serch\n"
        "                     ^\n"
    )


def test_the_caret_stands_under_wide_and_hidden_characters(run: Run, here: Path) -> None:
    """As a terminal shows the line: two columns for an ideograph, six for an escape."""
    (here / "a.yaml").write_text('{name: "桶\u202e", path: b}\n')
    *_, line, caret = run("validate a.yaml").err.splitlines()
    assert line == r'    1 | {name: "桶\u202e", path: b}'
    assert caret == "        " + " " * len(r'{name: "##\u202e", path: ') + "^"


def test_a_long_line_is_shown_around_its_mistake(run: Run, here: Path) -> None:
    """A spec may be one line of ten megabytes."""
    samples = ",".join(f'"{i:032x}"' for i in range(1000))
    (here / "a.json").write_text(f'{{"path": "b", "export_params": {{"samples": [{samples}, 7, "a"]}}}}')
    lines = run("validate a.json").err.splitlines()
    assert max(map(len, lines)) < 160
    assert lines[-2][lines[-1].index("^")] == "7"


def test_two_specs_that_write_to_one_path(run: Run, here: Path) -> None:
    """Their files would mix; the spellings of a path are one path."""
    (here / "a.yaml").write_text("path: /b/c/\n---\npath: /b/d/\n")
    (here / "b.yaml").write_text("path: obs://b/c\n")
    outcome = run("validate a.yaml b.yaml")
    assert outcome.code == 2
    assert "b.yaml:1:7: path: a.yaml:1 writes to /b/c/ too" in outcome.err


def test_variables_by_hand_environment_and_default(run: Run, here: Path) -> None:
    """What is expanded is read as a flag's value would be."""
    (here / "a.yaml").write_text(
        "dataset_id: ${DATASET}\npath: /b/${DAY:-monday}/\nexport_type: ${TYPE}\n"
        "with_column_header: ${HEADER}\nexport_params:\n  train_sample_ratio: ${RATIO}\n  sample_state: ''\n"
        "  search_conditions:\n  - {frame_in_video: '${FRAME}', hard: '${HEADER}'}\n"
    )
    line = "to-obs -f a.yaml --dry-run -o json --var DATASET=abc --var TYPE=Search --var RATIO=0.80"
    shown = json.loads(
        run(
            line,
            MODELARTS_EXPORT_VAR_HEADER="true",
            MODELARTS_EXPORT_VAR_FRAME="7",
            MODELARTS_EXPORT_VAR_DATASET="of the environment",
        ).out
    )
    assert shown["url"].endswith("/datasets/abc/export-tasks")
    assert shown["body"] == {
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
    ("text", "place", "words"),
    [
        (
            "dataset_id: ${EMPTY}\npath: /b/c/\n",
            "1:13",
            "${EMPTY} is empty, and an ID is required",
        ),
        ("path: /b/${UNSET}/\n", "1:7", "${UNSET} is not defined"),
        ("name: a\npath: '/b/${HW_SECRET_KEY}/'\n", "2:7", "; pass it with --var HW_SECRET_KEY"),
        ("name: a\npath: '/b/${KEY}/'\n", "2:7", "${KEY} would put a secret into the request"),
        ("path: /b/c/\nname: ${\n", "2:7", "has no } at its end"),
        ("path: /b/${A}/\n", "1:7", "path: /b/${A}/ has an empty directory name"),
        ("${A}: 1\npath: /b/c/\n", "1:1", "${A}: unknown key"),
    ],
)
def test_a_variable_that_goes_wrong_is_told_at_its_place(
    run: Run, stub: Stub, text: str, place: str, words: str
) -> None:
    """Nothing is expanded in keys, and a key of the cloud is never sent."""
    handed_over = {"EMPTY": "", "A": "/x", "KEY": "a-secret-of-mine"}
    environ = {f"MODELARTS_EXPORT_VAR_{name}": value for name, value in handed_over.items()}
    environ |= {**stub.variables, "HW_SECRET_KEY": "a-secret-of-mine"}
    outcome = run("to-obs -f -", stdin=text.encode(), **environ)
    assert (outcome.code, stub.heard) == (2, [])
    assert f"<stdin>:{place}: " in outcome.err
    assert words in outcome.err
    assert "a-secret-of-mine" not in outcome.err


def test_an_unexpanded_string_is_told_once(run: Run) -> None:
    """Not again for what its spelling would be as a value."""
    outcome = run("validate -", stdin=b"dataset_id: ${A}\npath: ${B}\n")
    assert "error: 2 problems" in outcome.err


@pytest.mark.parametrize("line", ["to-obs -f - --var 1", "validate - --var =b"])
def test_a_bad_assignment(run: Run, line: str) -> None:
    """The flag is named."""
    outcome = run(line, stdin=b"path: /b/c/\n")
    assert outcome.code == 2
    assert "--var: " in outcome.err


def test_one_instant_a_process(run: Run) -> None:
    """A batch that runs over midnight writes to one day's directory."""
    specs = "---\n".join(f"path: /b/{i}/${{now:%Y%m%d%H%M%S%f}}/\n" for i in range(200))
    rows = json.loads(run("validate - -o json", stdin=specs.encode()).out)
    assert len({row["path"].split("/")[3] for row in rows}) == 1


def test_warnings_of_all_specs(run: Run, here: Path) -> None:
    """The specs are good all the same."""
    (here / "a.yaml").write_text("path: /b/v1.0/\n")
    outcome = run("validate a.yaml")
    assert outcome.code == 0
    assert "warning: a.yaml:1:7: path: '.' in a path is not documented" in outcome.err


def test_stdin_is_read_once(run: Run) -> None:
    """Two dashes are a mistake."""
    assert run("validate - -", stdin=b"path: /b/c/\n").code == 2


def test_a_file_over_the_limit(run: Run, here: Path) -> None:
    """It is not read to its end."""
    (here / "a.yaml").write_bytes(b"#" * (16 * 2**20 + 1))
    outcome = run("validate a.yaml")
    assert outcome.code == 2
    assert "a.yaml: larger than 16 MiB" in outcome.err


def test_samples_up_to_the_bodys_limit(run: Run, stub: Stub, here: Path) -> None:
    """The last ID that fits is sent; with the next one the count that fits is told, and nothing is sent."""
    fits = (
        12 * 2**20
        - len('{"path":"/b/c/","export_type":3,"export_params":{"sample_state":"",')
        - len('"export_dest":"DIR","samples":[]}}')
        + 1
    ) // len('"00000000000000000000000000000000",')
    ids = [f"{i:032x}\n" for i in range(fits + 1)]
    (here / "fits").write_text("".join(ids[:-1]))
    (here / "over").write_text("".join(ids))
    stub.body = b'{"task_id":"t1","status":"INIT"}'
    assert run("to-obs --path /b/c/ --samples-file fits -o id", **stub.variables).code == 0
    outcome = run("to-obs --path /b/c/ --samples-file over -o id", **stub.variables)
    assert outcome.code == 2
    assert f"; the first {fits:,} of the {fits + 1:,} samples fit" in outcome.err
    assert len(stub.heard) == 1
    assert 12 * 2**20 - 35 < len(stub.heard[0][3]) <= 12 * 2**20


def test_one_bad_document_does_not_hide_the_others(run: Run) -> None:
    """What can be judged is judged: before and after a list, before what is no YAML, beside a shared path."""
    err = run("validate -", stdin=b"path: /b/d/\nzzz: 1\n---\n- a\n---\nqqq: 1\n").err
    assert [
        words
        for words in ("zzz: unknown", "is a list", "qqq: unknown", "path: is required")
        if words not in err
    ] == []
    err = run("validate -", stdin=b"path: b\n---\na: [\n").err
    assert "path: 'b' is not" in err
    assert "error: 2 problems" in err
    err = run("validate -", stdin=b"path: /b/c/\n---\npath: /b/c/\nzzz: 1\n").err
    assert "writes to /b/c/ too" in err
    assert "zzz: unknown" in err


def test_a_merge_key_does_not_hide_what_is_missing(run: Run) -> None:
    """Both stand at the start of the document."""
    err = run("validate -", stdin=b"<<: {x: 1}\nexport_type: 3\n").err
    assert "merge keys" in err
    assert "path: is required" in err
