"""Export tasks from Python: `connect`, `submit` and `wait`, their events and cancellation."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import modelarts_export
from modelarts_export import (
    AccessError,
    AccessKey,
    CanceledError,
    CancelToken,
    DatasetNameError,
    InvalidInputError,
    NotFinishedError,
    NotFoundError,
    PathUsedError,
    ReusePolicy,
    SubmissionEvent,
    TemporaryError,
    ToObs,
    connect,
    submit,
    wait,
)
from modelarts_export.cli.commands.sandbox import make_settings
from modelarts_export.sandbox.server import Sandbox
from modelarts_export.submission.events import TaskAccepted, TaskReused
from tests.conftest import Cloud, make_faults, sandboxed
from tests.support.raw_server import answer_with, serve


def test_dataset_of_a_name_is_found_and_a_name_is_no_id(cloud: Cloud) -> None:
    """A submission takes IDs alone."""
    with connected(cloud) as client:
        assert client.find_dataset("sandbox-text").dataset_id == "sandbox-text"
        with pytest.raises(DatasetNameError, match="similar names: 'sandbox-text'") as caught:
            client.find_dataset("sandbox-txet")
        assert caught.value.hint == "give the exact name of a dataset, or its ID"
        with pytest.raises(InvalidInputError, match=r"'name:sandbox-text' is a name.*find_dataset"):
            submit(client, "name:sandbox-text", ToObs(path="/b/d/"))
    assert cloud.created == []


def test_example_of_the_readme_exports_and_waits() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    command = [sys.executable, "-m", "modelarts_export", "sandbox", "--task-duration", "0s", "--"]
    done = subprocess.run(
        [*command, sys.executable, "-c", example], capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"\w+ SUCCESSED obs://bucket/out/\n", done.stdout)


def connected(cloud: Cloud, **settings: Any) -> modelarts_export.Client:  # noqa: ANN401 - as connect
    """Return a client of a sandbox."""
    return connect(environ=cloud.variables, **settings)


def test_submission_reports_events_and_reuses(cloud: Cloud) -> None:
    events: list[SubmissionEvent] = []
    request = ToObs(path="/b/lib/")
    with connected(cloud) as client:
        first = submit(client, "sandbox-images", request, on_event=events.append)
        reuse = ReusePolicy(reuse_running=True)
        second = submit(client, "sandbox-images", request, reuse=reuse, on_event=events.append)
    assert (first.task_id, second.task_id, second.reused) == (second.task_id, first.task_id, True)
    assert [type(event) for event in events] == [TaskAccepted, TaskReused]
    assert {(event.export.dataset_id, event.export.path) for event in events} == {
        ("sandbox-images", "/b/lib/")
    }


def test_warnings_about_reuse_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Without a handler of events: a task that is not reused must not go unnoticed."""
    with connected_with("no-date") as client:
        submit(client, "sandbox-images", ToObs(path="/b/d/"), reuse=ReusePolicy(reuse_within=60))
    assert "no succeeded task is reused: the server's time" in caplog.text


@contextmanager
def serve_sandbox(*faults: str) -> Iterator[dict[str, str]]:
    """Serve a sandbox with faults, and yield the environment in which clients of it are made."""
    with Sandbox(faults=make_faults(*faults)) as sandbox:
        yield make_settings(sandbox)


@contextmanager
def connected_with(*faults: str) -> Iterator[modelarts_export.Client]:
    """Serve a sandbox with faults, and connect to it."""
    with serve_sandbox(*faults) as environ, connect(environ=environ) as client:
        yield client


def test_threads_that_share_a_client_share_a_coordinator() -> None:
    """The second export to a path is not taken for the lost first one."""
    with connected_with("drop:count=1") as client:
        results: list[str] = []

        def export() -> None:
            results.append(submit(client, "sandbox-images", ToObs(path="/b/same/")).task_id)

        threads = [threading.Thread(target=export) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(set(results)) == 2


def test_wait_returns_tasks_as_they_are() -> None:
    """A failed task, one that is not finished in time, and a succeeded one are returned, in their order."""
    with sandboxed(task_duration=0.5) as cloud, connected(cloud) as client:
        datasets = ("sandbox-failing", "sandbox-images", "sandbox-slow")
        tasks = [submit(client, name, ToObs(path="/b/d/")) for name in datasets]
        done = wait(client, tasks, timeout=1.5, poll_interval=0.2)
    assert [task.task_id for task in done] == [task.task_id for task in tasks]
    assert [task.status for task in done][:2] == ["FAILED", "SUCCESSED"]
    assert done[2].is_finished is False


def test_refused_poll_raises_with_the_tasks(quick: Cloud) -> None:
    with connected(quick) as client:
        known = submit(client, "sandbox-images", ToObs(path="/b/d/"))
        unknown = client.make_unseen_task("sandbox-images", "no-such-task")
        with pytest.raises((NotFoundError, NotFinishedError)) as caught:
            wait(client, [known, unknown], timeout=20, poll_interval=0.2, max_outage=0.5)
    assert [task.task_id for task in caught.value.tasks] == [known.task_id, "no-such-task"]


def test_outage_raises_with_the_tasks(cloud: Cloud) -> None:
    with connected(cloud) as client:
        task = submit(client, "sandbox-images", ToObs(path="/b/d/"))
    with serve(answer_with("503 Service Unavailable")) as server:
        variables = {**cloud.variables, "MODELARTS_EXPORT_ENDPOINT": f"http://127.0.0.1:{server.port}"}
        with connect(environ=variables) as client, pytest.raises(NotFinishedError) as caught:
            wait(client, [task], max_outage=0)
    assert [each.task_id for each in caught.value.tasks] == [task.task_id]


def test_wait_is_canceled_from_another_thread(cloud: Cloud) -> None:
    cancel = CancelToken()
    with connected(cloud) as client:
        task = submit(client, "sandbox-slow", ToObs(path="/b/d/"))
        threading.Timer(0.2, cancel.cancel).start()
        with pytest.raises(CanceledError) as caught:
            wait(client, [task], timeout=None, cancel=cancel)
    assert [each.task_id for each in caught.value.tasks] == [task.task_id]


def test_canceled_submission_sends_nothing(cloud: Cloud) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with connected(cloud) as client, pytest.raises(CanceledError):
        submit(client, "sandbox-images", ToObs(path="/b/d/"), cancel=cancel)
    assert cloud.sandbox.gateway.cloud.list_tasks("sandbox-images") == []


def test_submission_is_canceled_in_a_pause_before_the_next_attempt() -> None:
    cancel = CancelToken()
    threading.Timer(0.3, cancel.cancel).start()
    with connected_with("503:retry-after=1m") as client, pytest.raises(CanceledError):
        submit(client, "sandbox-images", ToObs(path="/b/d/"), cancel=cancel)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"regoin": "cn-north-4"}, "'regoin' is not a setting; did you mean 'region'?"),
        ({"read_timeout": "soon"}, "read_timeout: 'soon' is not a duration"),
        ({"read_timeout": 0}, "read_timeout: must be longer than zero"),
        ({"endpoint": "http://example.com"}, "endpoint: plain http:// is for this machine only"),
        ({}, "no endpoint"),
    ],
)
def test_connect_refuses_settings(settings: dict[str, Any], words: str) -> None:
    keys = AccessKey(access_key="AK", secret_key="SK")
    with pytest.raises(InvalidInputError, match=re.escape(words)):
        connect(credentials=keys, environ={}, **settings)


def test_connect_without_credentials_is_refused() -> None:
    with pytest.raises(AccessError, match="no credentials"):
        connect(region="cn-north-4", project_id="p", environ={})


def test_arguments_of_connect_win_over_the_environment(cloud: Cloud) -> None:
    with connected(cloud, read_timeout=7, max_retries=1, insecure=True) as client:
        assert client.settings.read_timeout == 7.0
        assert (client.settings.max_retries, client.settings.insecure) == (1, True)
        assert client.settings.origins["read_timeout"] == "read_timeout"


def test_dataset_id_is_checked_before_anything_is_sent(cloud: Cloud) -> None:
    with connected(cloud) as client, pytest.raises(InvalidInputError, match="dataset ID: 'a/b' is not an ID"):
        submit(client, "a/b", ToObs(path="/b/d/"))


def test_error_of_an_event_handler_sends_nothing_again(cloud: Cloud) -> None:
    def handle(event: SubmissionEvent) -> None:
        raise TemporaryError(str(event))

    with connected(cloud) as client, pytest.raises(TemporaryError):
        submit(client, "sandbox-images", ToObs(path="/b/d/"), on_event=handle)
    assert len(cloud.created) == 1


def test_clients_of_one_project_share_a_coordinator() -> None:
    """Two lost replies to one path are not taken for each other."""
    with (
        serve_sandbox("drop:count=2") as environ,
        connect(environ=environ) as client,
        connect(environ=environ) as other,
    ):
        results: list[str] = []

        def export(each: modelarts_export.Client) -> None:
            results.append(submit(each, "sandbox-images", ToObs(path="/b/same/")).task_id)

        threads = [threading.Thread(target=export, args=(each,)) for each in (client, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(set(results)) == 2


def test_canceled_submission_after_a_lost_reply_says_what_may_exist() -> None:
    cancel = CancelToken()
    threading.Timer(0.7, cancel.cancel).start()
    request = ToObs(path="/b/hidden/")
    with connected_with("drop:count=1", "lag:for=1m") as client, pytest.raises(CanceledError) as caught:
        submit(client, "sandbox-images", request, cancel=cancel)
    assert caught.value.path == "/b/hidden/"
    assert caught.value.since is not None


def test_canceled_submission_does_not_wait_for_another_to_the_same_path() -> None:
    with connected_with("429:retry-after=2s,count=1") as client:
        first = threading.Thread(target=submit, args=(client, "sandbox-images", ToObs(path="/b/d/")))
        first.start()
        time.sleep(0.5)
        cancel = CancelToken()
        threading.Timer(0.2, cancel.cancel).start()
        with pytest.raises(CanceledError):
            submit(client, "sandbox-images", ToObs(path="/b/d/"), cancel=cancel)
        assert first.is_alive()
        first.join()


def test_wait_takes_any_iterable(cloud: Cloud) -> None:
    with connected(cloud) as client:
        task = submit(client, "sandbox-images", ToObs(path="/b/d/"))
        assert len(wait(client, (each for each in [task]), timeout=0)) == 1


def test_reuse_policy_takes_any_letter_case(cloud: Cloud) -> None:
    with connected(cloud) as client:
        submit(client, "sandbox-images", ToObs(path="/b/d/"))
        with pytest.raises(PathUsedError):
            submit(client, "sandbox-images", ToObs(path="/b/d/"), reuse=ReusePolicy(if_path_used="FAIL"))


def test_skip_if_running_takes_what_the_api_may_list() -> None:
    assert ReusePolicy(skip_if_running="/b/a%20b//").skip_if_running == "/b/a b/"


def test_reuse_policy_normalizes_its_directory() -> None:
    assert ReusePolicy(skip_if_running="obs://b/d").skip_if_running == "/b/d/"
