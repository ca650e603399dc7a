"""Arguments of another type are refused by the library before anything is sent."""

from typing import Any

import pytest

from modelarts_export import InvalidInputError, ReusePolicy, ToObs, connect, submit, wait
from tests.conftest import Cloud

REQUEST = ToObs(path="/b/d/")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"region": 5}, "region: must be text, not int"),
        ({"project_id": ["p"]}, "project_id: must be text, not list"),
        ({"read_timeout": b"5s"}, "read_timeout: must be text or a number, not bytes"),
        ({"credentials": "AK:SK"}, "credentials: must be AccessKey or Token or Password, not str"),
        ({"environ": 5}, "environ: must be Mapping, not int"),
    ],
)
def test_connect_names_the_argument(cloud: Cloud, given: dict[str, Any], message: str) -> None:
    arguments = {"environ": cloud.variables, **given}
    with pytest.raises(InvalidInputError) as caught:
        connect(**arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"client": None}, "client: must be Client, not NoneType"),
        ({"dataset_id": None}, "dataset_id: must be str, not NoneType"),
        ({"dataset_id": b"d"}, "dataset_id: must be str, not bytes"),
        ({"request": {"path": "/b/d/"}}, "request: must be ExportRequest, not dict"),
        ({"reuse": True}, "reuse: must be ReusePolicy, such as ReusePolicy(reuse_running=True), not bool"),
        ({"on_event": 5}, "on_event: must be Callable, not int"),
        ({"cancel": True}, "cancel: must be CancelToken, not bool"),
    ],
)
def test_submit_names_the_argument(cloud: Cloud, given: dict[str, Any], message: str) -> None:
    with connect(environ=cloud.variables) as client:
        arguments = {"client": client, "dataset_id": "sandbox-images", "request": REQUEST, **given}
        with pytest.raises(InvalidInputError) as caught:
            submit(**arguments)
    assert str(caught.value) == message
    assert cloud.created == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"client": None}, "client: must be Client, not NoneType"),
        ({"tasks": None}, "tasks: must be Iterable, not NoneType"),
        ({"tasks": ["task-1"]}, "tasks: must be ExportTask, not str"),
        ({"timeout": "2h"}, "timeout: must be a number of seconds, not '2h'"),
        ({"timeout": float("nan")}, "timeout: must be a number of seconds, not nan"),
        ({"poll_interval": -1}, "poll_interval: must be a number of seconds, not -1"),
        ({"max_outage": None}, "max_outage: must be a number of seconds, not None"),
        ({"cancel": 5}, "cancel: must be CancelToken, not int"),
    ],
)
def test_wait_names_the_argument(cloud: Cloud, given: dict[str, Any], message: str) -> None:
    with connect(environ=cloud.variables) as client:
        arguments = {"client": client, "tasks": [], **given}
        with pytest.raises(InvalidInputError) as caught:
            wait(arguments.pop("client"), arguments.pop("tasks"), **arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"reuse_running": "yes"}, "reuse_running: must be bool, not str"),
        ({"reuse_within": "20h"}, "reuse_within: must be a number of seconds, not '20h'"),
        ({"skip_if_running": 5}, "skip_if_running: must be str, not int"),
        ({"if_path_used": None}, "if_path_used: must be str, not NoneType"),
        ({"if_path_used": "no"}, "if_path_used: 'no' is not a valid action (choose from ignore, warn, fail)"),
        (
            {"skip_if_running": "b"},
            "skip_if_running: 'b' is not an OBS directory; write /bucket/dir/ or obs://bucket/dir/",
        ),
        ({"reuse_within": -5}, "reuse_within: must be a number of seconds, not -5"),
        ({"reuse_within": 0}, "reuse_within: must be longer than zero"),
    ],
)
def test_reuse_policy_names_the_argument(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        ReusePolicy(**given)
    assert str(caught.value) == message
