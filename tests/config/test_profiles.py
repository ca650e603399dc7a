"""Profiles of config.yaml: which is in force, what the file may hold, and who may change it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from modelarts_export.config.config_file import load_config
from modelarts_export.config.profile_selection import find_config_path, list_profile_names
from modelarts_export.config.profiles import SETTINGS
from tests.conftest import Cloud, Run, Stub
from tests.support.users import without_root

KEY = {"HW_ACCESS_KEY": "AKEXAMPLE", "HW_SECRET_KEY": "made-up-secret"}
TWO = """
default: first
profiles:
  first: {region: cn-north-1, project_id: p1}
  second: {region: cn-north-4, project_id: "02", connect_timeout: 5}
"""
PLAIN = "to-obs d --path /b/d/ --dry-run"
DRY_RUN = f"{PLAIN} -o json"
NO_SECRETS = "secrets do not belong in this file; keep them in another source of credentials"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the path of the user's config file, which has two profiles."""
    path = tmp_path / ".config" / "modelarts-export" / "config.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(TWO)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("arguments", "variables", "url"),
    [
        ("", {}, "https://modelarts.cn-north-1.myhuaweicloud.com/v2/p1/"),
        ("--profile second", {}, "https://modelarts.cn-north-4.myhuaweicloud.com/v2/02/"),
        ("", {"MODELARTS_EXPORT_PROFILE": "second"}, "https://modelarts.cn-north-4.myhuaweicloud.com/v2/02/"),
        ("--project-id p3", {"MODELARTS_EXPORT_REGION": "eu-de"}, "https://modelarts.eu-de.otc.t-systems.com/v2/p3/"),
        # the named profile wins over the source of credentials, and that over the default profile
        ("--profile second", {"MODELARTS_EXPORT_PROJECT_ID": "p5"}, "https://modelarts.cn-north-4.myhuaweicloud.com/v2/p5/"),
        ("--profile first", {"MODELARTS_EXPORT_PROFILE": "second"}, "https://modelarts.cn-north-1.myhuaweicloud.com/v2/p1/"),
        ("--profile second", {**KEY, "HW_PROJECT_ID": "p4"}, "https://modelarts.cn-north-4.myhuaweicloud.com/v2/02/"),
        ("", {**KEY, "HW_PROJECT_ID": "p4"}, "https://modelarts.cn-north-1.myhuaweicloud.com/v2/p4/"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("config")
def test_named_profile_wins_over_the_source_of_credentials_and_that_over_the_default_profile(
    run: Run, arguments: str, variables: dict[str, str], url: str
) -> None:
    outcome = run(f"{DRY_RUN} {arguments}", **variables)
    assert json.loads(outcome.out)["url"].startswith(url), outcome.err


def test_config_directory_is_that_of_xdg(config: Path, run: Run, tmp_path: Path) -> None:
    """A relative XDG_CONFIG_HOME does not count, as its specification says."""
    other = tmp_path / "xdg" / "modelarts-export"
    other.mkdir(parents=True)
    config.rename(other / "config.yaml")
    url = json.loads(run(DRY_RUN, XDG_CONFIG_HOME=str(tmp_path / "xdg")).out)["url"]
    assert "/p1/" in url
    assert find_config_path({"XDG_CONFIG_HOME": "x", "HOME": str(tmp_path)}) == config
    for home in ("", "x"):
        assert find_config_path({"HOME": home}) is None
    missing = run(f"{PLAIN} --profile a", HOME="")
    assert "no profile 'a': HOME is not set to a directory" in missing.err
    assert (
        "hint: create the file, with the keys default and profiles; modelarts-export explain" in missing.err
    )


def test_sample_has_profiles_with_every_key_and_is_explained(run: Run) -> None:
    """Each key, and each form of credentials of the sample, is in `explain config`."""
    sample = load_config(Path(__file__).parents[2] / "sample-configs" / "profiles" / "config.yaml")
    profiles = sample.profiles.values()
    (explained,) = json.loads(run("explain config -o json").out)
    rows = {title: set(table) for title, table in explained["sections"].items()}
    assert sample.default in sample.profiles
    assert rows["config.yaml"] == {"file", "default", "profiles"}
    assert {key for each in profiles for key in each.settings} <= rows["Keys of a profile"]
    assert rows["Keys of a profile"] == {*SETTINGS, "credentials"}
    kinds = {each.credentials.kind for each in profiles if each.credentials}
    assert kinds <= {form.partition(":")[0] for form in rows["credentials of a profile"]}
    assert rows["JSON that a command prints"] == {
        *("Version", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
    }


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("default: frist\nprofiles: {first: {}}", ["1:10: default: no profile has this name; did you mean"]),
        (
            "defalt: first",
            [
                "1:1: defalt: unknown key; did you mean 'default'?",
                "hint: the keys of the file are default, profiles; modelarts-export explain config shows",
            ],
        ),
        (
            "profiles:\n  a:\n    regoin: eu-de\n    project_id: 0123\n    endpoint: [x]\n",
            [
                "3:5: profiles.a.regoin: unknown key; did you mean 'region'?",
                '4:17: profiles.a.project_id: must be text; write "0123"',
                "5:15: profiles.a.endpoint: must be text",
                "hint: the keys of a profile are region, project_id, endpoint, ",
            ],
        ),
        (
            "profiles:\n  a: {secret_key: made-up-secret}\n  b: {ak: AKEXAMPLE}",
            [
                f"2:7: profiles.a.secret_key: {NO_SECRETS}", f"3:7: profiles.b.ak: {NO_SECRETS}",
            ],
        ),
        ("profiles: {a: {credentials: terrafrom}}", ["did you mean 'terraform'?"]),
        ("profiles: {a: {credentials: clouds}}", ["1:29: profiles.a.credentials: must be one of sdk, "]),
        ("profiles: {a: {credentials: {sdk: x}}}", ["profiles.a.credentials: must be one of sdk, "]),
        ("profiles: {a: {credentials: {clouds: [x]}}}", ["profiles.a.credentials: must be one of sdk, "]),
        ("profiles: {a: {credentials: {clouds: x, koocli: y}}}", ["profiles.a.credentials: must be one of"]),
        ("profiles: {a: {credentials: {1: x}}}", ["1:30: YAML does not read the key 1 as a string"]),
        ("default: [a]", ["1:10: default: must be the name of a profile"]),
        ("default: 1\nprofiles: {a: {Secret-Key: x}}", ["1:10: default: must be the name", NO_SECRETS]),
        ("password: made-up-secret", [f"1:1: password: {NO_SECRETS}"]),
        ("profiles: {a: {region: true}}", ['1:24: profiles.a.region: must be text; write "true"']),
        ("profiles: {a: {read_timeout: [5]}}", ["1:30: profiles.a.read_timeout: must be text"]),
        ("profiles: {a: 1}", ["1:15: profiles.a: must be a mapping"]),
        ("profiles: {a: {}, a: {}}", ["duplicate key 'a'"]),
        ("profiles:\n  a:\n    region: x\n    region: y", ["4:5: duplicate key 'region'", "line 3"]),
        ("profiles: {a: {<<: {region: eu-de}}}", ["merge keys"]),
        ("- a", ["1:1: must be a mapping"]),
        ("a: [", [":1:5: "]),
        ("{}\n---\n{}", ["the file has more than one document"]),
    ],
)  # fmt: skip
def test_invalid_file_is_refused_with_every_position(
    config: Path, run: Run, text: str, problems: list[str]
) -> None:
    """No line of the file is shown: it may hold a secret."""
    config.write_text(text + "\n")
    outcome = run(PLAIN)
    assert (outcome.code, outcome.out) == (2, "")
    for problem in problems:
        assert problem in outcome.err
    assert str(config) in outcome.err
    assert "made-up-secret" not in outcome.err
    assert "AKEXAMPLE" not in outcome.err


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda file: file.write_bytes(b"default: \xff"), "not UTF-8 at byte 10"),
        (lambda file: file.write_bytes(b" " * (17 * 2**20)), "larger than 1 MiB"),
        (lambda file: file.mkdir(), "is a directory"),
        (os.mkfifo, "not a regular file"),
        (lambda file: file.symlink_to("/dev/null"), "not a regular file"),
    ],
)
def test_file_that_cannot_be_read_is_named_with_its_reason(
    config: Path, run: Run, make: Callable[[Path], object], reason: str
) -> None:
    config.unlink()
    make(config)
    outcome = run(PLAIN)
    assert (outcome.code, outcome.out) == (2, "")
    assert f"{config}: {reason}" in outcome.err
    assert list_profile_names() == []


def test_file_without_permission_to_read_is_an_error(config: Path, run: Run) -> None:
    """Its settings might be needed; in a directory that is closed there is no such file."""
    assert run(PLAIN).code == 0  # loads all modules
    with TemporaryDirectory() as directory:
        file = Path(directory) / "modelarts-export" / "config.yaml"
        file.parent.mkdir()
        config.rename(file)
        file.chmod(0)
        Path(directory).chmod(0o711)
        with without_root():
            outcome = run(PLAIN, XDG_CONFIG_HOME=directory)
        Path(directory).chmod(0)
        with without_root():
            assert run(PLAIN, XDG_CONFIG_HOME=directory).code == 0
    assert (outcome.code, f"{file}: permission denied" in outcome.err) == (2, True)


@pytest.mark.parametrize("text", ["", "# nothing\n", "profiles:\n", "profiles: {a: }\n", "default:\n"])
def test_empty_file_changes_nothing(config: Path, run: Run, text: str) -> None:
    config.write_text(text)
    assert json.loads(run(DRY_RUN).out)["url"].startswith("{endpoint}/v2/{project_id}/")


def test_value_is_checked_as_that_of_the_flag(config: Path, run: Run) -> None:
    config.write_text("profiles:\n  a:\n    read_timeout: soon\n")
    outcome = run(f"{PLAIN} --profile a")
    assert outcome.code == 2
    assert f"read_timeout of profile a ({config}:3:19): 'soon' is not a duration" in outcome.err


def test_empty_name_of_a_profile_is_an_error_of_the_flag_only(config: Path, run: Run) -> None:
    """An empty variable is an unset one; an empty flag may come of an unset variable of a script."""
    outcome = run([*PLAIN.split(), "--profile", ""])
    assert (outcome.code, "--profile: '' is not the name of a profile" in outcome.err) == (2, True)
    assert "/p1/" in run(DRY_RUN, MODELARTS_EXPORT_PROFILE="").out
    config.write_text("profiles: {'': {}}")
    assert run(PLAIN).code == 0


def test_unknown_profile_names_the_nearest(config: Path, run: Run) -> None:
    outcome = run(f"{PLAIN} --profile secnd")
    assert outcome.code == 2
    assert "has no profile 'secnd'; did you mean 'second'?\nhint: its profiles: first, second" in outcome.err
    config.unlink()
    assert "no profile 'second'" in run(f"{PLAIN} --profile second").err


@pytest.mark.parametrize(("mode", "code"), [(0o600, 0), (0o644, 0), (0o640, 0), (0o604, 0), (0o602, 2)])
def test_file_that_others_can_change_is_refused(
    config: Path, run: Run, cloud: Cloud, mode: int, code: int
) -> None:
    """It may name a command. One that others can read is a warning."""
    config.chmod(mode)
    outcome = run("list sandbox-images", **cloud.variables)
    assert outcome.code == code
    assert ("others can change this file" in outcome.err) == (code == 2)
    assert ("others can read this file" in outcome.err) == (code == 0 and mode != 0o600)


def test_profile_names_the_family_of_its_credentials(config: Path, run: Run, cloud: Cloud) -> None:
    """The named profile is asked first, the default one after the variables, and no other one then."""
    config.write_text("default: a\nprofiles: {a: {credentials: terraform}}\n")
    keys = {name: value for name, value in cloud.variables.items() if not name.endswith(("_AK", "_SK"))}
    named = {"HW_ACCESS_KEY": cloud.sandbox.access_key, "HW_SECRET_KEY": cloud.sandbox.secret_key}
    named["MODELARTS_EXPORT_PROJECT_ID"] = cloud.sandbox.project_id
    other = {"HUAWEICLOUD_SDK_AK": "AKOTHER", "HUAWEICLOUD_SDK_SK": "made-up-secret"}
    assert run("list sandbox-images --profile a", **keys, **named, **other).code == 0
    assert run("list sandbox-images", **keys, **named, **other).code == 4
    outcome = run("list sandbox-images --profile a", **keys, **other)
    assert outcome.code == 4
    assert "profile a: no credentials found; tried HW_* variables (not set)" in outcome.err


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ("-v", "profile first, the default of config.yaml; credentials: HW_* variables"),
        ("--debug --profile second", "profile second; credentials: HW_* variables"),
        ("", None),
    ],
)
@pytest.mark.usefixtures("config")
def test_verbose_names_the_profile_and_the_source_of_credentials(
    run: Run, stub: Stub, flags: str, line: str | None
) -> None:
    stub.body = b'{"total_count": 0, "export_tasks": []}'
    outcome = run(f"list d --endpoint {stub.url} {flags}", **KEY)
    assert outcome.code == 0, outcome.err
    assert [each for each in outcome.err.splitlines() if "; credentials: " in each] == (
        [line] if line else []
    )
    assert KEY["HW_SECRET_KEY"] not in outcome.err
