"""The option --ci github: annotations on stderr, outputs and a summary in files."""

import json
import re
import sys
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.conftest import Cloud, Run, Stub
from tests.support.hostile_text import COMMAND, HARMFUL, HOSTILE, SECRETS
from tests.support.interruption import interrupt, make_sleep_check
from tests.support.program import run_in_bash
from tests.support.task_replies import ACCEPTED, create_task, make_list_reply, make_task_reply

SUBMIT = "to-obs --path /b/d/ --ci github"
NAMES = ["task_id", "status", "path", "location"]


class Files(dict[str, str]):
    """The variables of a step of GitHub Actions, and what its files have."""

    def __init__(self, folder: Path) -> None:
        super().__init__(GITHUB_OUTPUT=str(folder / "output"), GITHUB_STEP_SUMMARY=str(folder / "summary.md"))
        Path(self["GITHUB_OUTPUT"]).touch()
        Path(self["GITHUB_STEP_SUMMARY"]).touch()

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs, read as the runner does: NAME=VALUE, or lines between delimiters."""
        found: dict[str, str] = {}
        lines = iter(Path(self["GITHUB_OUTPUT"]).read_text(encoding="utf-8").split("\n"))
        for line in lines:
            name, heredoc, delimiter = line.partition("<<")
            if heredoc and "=" not in name:
                values = iter(lambda: next(lines), delimiter)
                found[name] = "\n".join(values)
            elif line:
                name, equals, value = line.partition("=")
                assert equals
                found[name] = value
        return found

    @property
    def summary(self) -> str:
        """The text of the summary."""
        return Path(self["GITHUB_STEP_SUMMARY"]).read_text(encoding="utf-8")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return the files of one step."""
    return Files(tmp_path)


def parse_annotation(line: str) -> tuple[Mapping[str, str], str]:
    """Return properties and message of an annotation, as the runner reads it."""
    head, message = re.fullmatch(r"::error([^:]*)::(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]
    pairs = [pair.split("=", 1) for pair in head.strip().split(",") if pair]
    return {name: unescape(value) for name, value in pairs}, unescape(message)


def unescape(text: str) -> str:
    return (
        text.replace("%0D", "\r")
        .replace("%0A", "\n")
        .replace("%3A", ":")
        .replace("%2C", ",")
        .replace("%25", "%")
    )


def test_outputs_and_summary_of_a_submission(run: Run, quick: Cloud, files: Files) -> None:
    """An output that another program left without a line feed stays whole."""
    Path(files["GITHUB_OUTPUT"]).write_text("mine=1")
    outcome = run(f"{SUBMIT} --wait -q -o json", **quick.variables, **files)
    task = json.loads(outcome.out)
    assert outcome.err == ""
    assert files.outputs == {"mine": "1", **{name: task[name] for name in NAMES}}
    assert files.outputs["status"] == "SUCCESSED"
    assert f"<td><code>{task['task_id']}</code></td>" in files.summary
    assert files.summary.endswith("</table>\n\n")


def test_delimiter_is_new_each_time(run: Run, cloud: Cloud, files: Files) -> None:
    """What a server has seen in one run does not end a value of the next."""
    for _ in range(2):
        assert run(f"{SUBMIT} -q", **cloud.variables, **files).code == 0
    delimiters = re.findall("<<(.*)", Path(files["GITHUB_OUTPUT"]).read_text())
    assert (len(delimiters), len(set(delimiters))) == (2 * len(NAMES), 2)
    assert all(len(each) >= 32 for each in delimiters)


def test_several_tasks_have_a_line_each(run: Run, stub: Stub, files: Files) -> None:
    stub.body = make_list_reply(t1="SUCCESSED", t2="FAILED").body
    outcome = run("wait abc t1 t2 --ci github", **stub.variables, **files)
    assert outcome.code == 9
    assert (files.outputs["task_id"], files.outputs["status"]) == ("t1\nt2", "SUCCESSED\nFAILED")
    errors = [parse_annotation(line)[1] for line in outcome.err.splitlines() if line.startswith("::")]
    assert ("t2" in errors[0], errors[1].startswith("2 tasks: ")) == (True, True)
    assert "exited with 9" in files.summary


def test_it_is_never_in_force_by_itself(run: Run, cloud: Cloud, files: Files) -> None:
    variables = {**cloud.variables, **files, "GITHUB_ACTIONS": "true", "CI": "true"}
    outcome = run("to-obs nope --path /b/d/", **variables)
    assert outcome.err.startswith("error: ")
    assert run("to-obs --path /b/d/", **variables).code == 0
    assert (files.outputs, files.summary) == ({}, "")


def test_variable_puts_it_in_force_for_each_command(run: Run, cloud: Cloud, files: Files) -> None:
    """Also for an error of the parser, before the options are known."""
    variables = {**cloud.variables, **files, "MODELARTS_EXPORT_CI": "GitHub"}
    assert run("status sandbox-images nope", **variables).err.startswith("::error::")
    outcome = run("to-obs --pth /b/d/", **variables)
    assert (outcome.code, outcome.err.splitlines()[0][:9]) == (2, "::error::")
    assert "exited with 2: <code>unknown option &#x27;--pth&#x27;" in files.summary


def test_invalid_system_says_what_others_read(run: Run) -> None:
    hint = "hint: GitLab reads the files of --dotenv FILE and, with apply, of --junit FILE; omit --ci"
    assert run("to-obs --ci gitlab --path /b/d/").err.splitlines()[1:] == [hint]


def test_hint_is_in_the_last_annotation(run: Run, files: Files) -> None:
    """GitHub shows annotations outside the log."""
    [line] = run("to-obs --pth /b/d/ --ci github", **files).err.splitlines()
    assert parse_annotation(line)[1].splitlines()[1:] == [
        "hint: modelarts-export to-obs --help shows what it takes"
    ]


def test_summary_bounds_the_problems(run: Run, files: Files, tmp_path: Path) -> None:
    spec = tmp_path / "a.yaml"
    spec.write_text("path: /b/\n" + "".join(f"x{number}: 1\n" for number in range(1_200)))
    assert run(["validate", str(spec), "--ci", "github"], **files).code == 2
    assert files.summary.count("<li>") == 101
    assert "<p>modelarts-export exited with 2: <code>1,200 problems</code></p>" in files.summary
    assert "<li>and 1,100 more</li>" in files.summary


def test_problems_of_a_spec_are_annotations_at_their_places(
    run: Run, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of the file can end neither the property nor the command."""
    monkeypatch.chdir(tmp_path)
    name = "a,line=9::b%0A.yaml"
    Path(name).write_text("path: /b/d/\nexprt_type: all\nexport_format: 9\n")
    outcome = run(["validate", name, "--ci", "github"], **files)
    assert (outcome.code, outcome.out) == (2, "")
    found = [parse_annotation(line) for line in outcome.err.splitlines()]
    assert [properties for properties, _ in found] == [
        {"file": str(tmp_path / name), "line": "2", "col": "1"},
        {"file": str(tmp_path / name), "line": "3", "col": "16"},
    ]
    assert [message.partition(": ")[0] for _, message in found] == ["exprt_type", "export_format"]
    places = [f"<li><code>{name}:2:1: exprt_type", f"<li><code>{name}:3:16: export_format"]
    assert [place for place in places if place not in files.summary] == []


def test_json_error_stays_the_last_line(run: Run, files: Files) -> None:
    outcome = run("to-obs abc --ci github -o json --dry-run", **files)
    *annotations, last = outcome.err.splitlines()
    assert [line[:9] for line in annotations] == ["::error::"]
    assert json.loads(last)["exit_code"] == 2


class CodeReader(HTMLParser):
    """Collects the tags of a page, and the texts in its code elements."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.codes: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Take a tag, which has no attributes."""
        assert not attrs
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        """Take a text."""
        if self.lasttag == "code" and data.strip():
            self.codes.append(data)


MARKUP = [
    ("<script>x</script> &lt;", "<script>x</script> &lt;"),
    ("</code></td></table>\n\n# Heading", r"</code></td></table>\n\n# Heading"),
    ("| a | ![x](http://h/) `b` @user", "| a | ![x](http://h/) `b` @user"),
    ("x\ndelimiter_0\nname=forged\n", r"x\ndelimiter_0\nname=forged\n"),
    ("100%0A::error::x", "100%0A::error::x"),
]


@pytest.mark.parametrize(("text", "shown"), [*HOSTILE, *MARKUP])
def test_hostile_text_of_a_task_stays_text(run: Run, stub: Stub, files: Files, text: str, shown: str) -> None:
    """No output is forged, no markup gets into the summary, and no command into the log."""
    stub.first, stub.body = [ACCEPTED], make_task_reply(text, path=text).body
    outcome = run(SUBMIT, **stub.variables, **files)
    assert outcome.code == 0
    assert files.outputs == {"task_id": "t1", "status": shown, "path": shown, "location": ""}
    page = CodeReader()
    page.feed(files.summary)
    assert page.tags == {"table", "tr", "th", "td", "code"}
    assert "".join(page.codes) == f"t1{shown}abc{shown}"
    assert "\n\n" not in files.summary.strip("\n")
    assert not HARMFUL.search(files.summary + outcome.err)


@pytest.mark.parametrize("text", [text for text, _ in (*HOSTILE, *MARKUP)])
def test_hostile_text_of_an_error_begins_no_command(run: Run, stub: Stub, files: Files, text: str) -> None:
    stub.status, stub.body = 400, json.dumps({"error_code": "ModelArts.1", "error_msg": text}).encode()
    outcome = run(SUBMIT, **stub.variables, **files)
    annotation, *others = outcome.err.splitlines()
    message, _, hint = parse_annotation(annotation)[1].rpartition("\n")
    assert hint == "hint: fix the request"
    assert message.endswith("(ModelArts.1, HTTP 400)")
    if text.isprintable() and not COMMAND.search(text):
        assert text in message
    assert not [line for line in others if COMMAND.search(line)]
    assert "##[" not in annotation
    page = CodeReader()
    page.feed(files.summary)
    assert page.tags == {"p", "code"}
    assert not HARMFUL.search(files.summary + outcome.err)


def test_secrets_are_masked_everywhere_and_sent_nowhere(run: Run, stub: Stub, files: Files) -> None:
    """Not even to the runner: its command add-mask would write them to stderr."""
    echoed = " ".join(SECRETS.values())
    stub.first, stub.body = [ACCEPTED], make_task_reply(echoed, path=echoed).body
    done = run(f"{SUBMIT} --debug", **{**stub.variables, **SECRETS}, **files)
    stub.status, stub.body = 400, json.dumps({"error_code": "ModelArts.1", "error_msg": echoed}).encode()
    failed = run(SUBMIT, **{**stub.variables, **SECRETS}, **files)
    assert (done.code, failed.code) == (0, 6)
    written = done.out + done.err + failed.err + files.summary + "".join(files.outputs.values())
    assert [name for name, value in SECRETS.items() if value in written] == []
    assert "***" in files.outputs["path"]
    assert "add-mask" not in written


@pytest.mark.parametrize(
    ("value", "reason"),
    [("", "is not set"), ("/dev/null", "not a regular file"), ("/nowhere/output", "no directory /nowhere")],
)
def test_file_that_cannot_be_written_is_an_error_before_anything_is_sent(
    run: Run, cloud: Cloud, files: Files, value: str, reason: str
) -> None:
    outcome = run(SUBMIT, **{**cloud.variables, **files, "GITHUB_OUTPUT": value})
    assert (outcome.code, cloud.exchanges) == (2, [])
    assert re.match(rf"::error::.*GITHUB_OUTPUT.*{reason}", outcome.err)


@pytest.mark.parametrize(
    ("line", "code"),
    [("to-obs --path /b/d/ -q", 8), ("list", 5), ("to-obs nope --path /b/d/", 3)],
)
def test_full_disk_keeps_the_id(run: Run, cloud: Cloud, files: Files, line: str, code: int) -> None:
    """A file size limit of zero stands for a full disk."""
    if line == "list":
        create_task(run, cloud)
    program = f"ulimit -f 0; {sys.executable} -m modelarts_export"
    done = run_in_bash(f"{program} {line} --ci github", **cloud.variables, **files)
    assert done.returncode == code, done.stderr
    assert "GITHUB_" in done.stderr
    assert "cannot be written: File too large" in done.stderr
    if code == 8:
        task_id = json.loads(cloud.exchanges[0][1].body)["task_id"]
        assert f"it is about {task_id}" in done.stderr


def test_interrupted_wait_writes_the_outputs(stub: Stub, files: Files) -> None:
    stub.first, stub.body = [ACCEPTED], make_task_reply("RUNNING", path="/b/d/").body
    line = f"{SUBMIT} -q --wait --poll-interval 60s"
    outcome = interrupt(line, {**stub.variables, **files}, make_sleep_check(stub, 2))
    assert outcome.code == 130
    assert files.outputs == {
        "task_id": "t1",
        "status": "RUNNING",
        "path": "/b/d/",
        "location": "obs://b/d/",
    }
    assert "exited with 130" in files.summary
