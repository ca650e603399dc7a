"""A real Airflow in a directory, with the DAG of the samples, for tests/samples/airflow_run.py."""

import json
import os
import re
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from modelarts_export.sandbox.server import Sandbox

SAMPLE = Path(__file__).parents[2] / "sample-configs" / "airflow" / "export_datasets.py"
PROGRAM = Path(sys.executable).parent / "airflow"
SETTINGS = {"retry_timeout": "1.5s", "reconcile_timeout": "4s", "read_timeout": "10s"}
CHANGES = {  # pauses of seconds, and no run but the one that is asked for
    'schedule="15 2 * * *"': "schedule=None",
    "POLL_INTERVAL = timedelta(minutes=1)": "POLL_INTERVAL = timedelta(seconds=3)",
    "RETRY_DELAY = 12, timedelta(minutes=5)": "RETRY_DELAY = 12, timedelta(seconds=2)",
}
COMMAND_LIMIT, EVENT_LIMIT = 1800.0, 300.0  # seconds


class Airflow:
    """An Airflow in a directory: its DAG, its variables, and its database."""

    def __init__(self, home: Path, sandbox: Sandbox, datasets: Sequence[str]) -> None:
        """Install the sample with a spec for each dataset, and make the database."""
        specs = home / "dags" / "exports"
        specs.mkdir(parents=True)
        for number, dataset in enumerate(datasets):
            lines = [
                f"name: export-{number:02}",
                f"dataset_id: {dataset}",
                f"path: /bucket/${{now:%Y-%m-%d}}/{number:02}/",
            ]
            (specs / f"{number:02}.yaml").write_text("\n".join(lines))
        (home / "dags" / SAMPLE.name).write_text(_adapt_sample(), encoding="utf-8")
        self.home = home
        self.secret = sandbox.secret_key
        self.environ = {
            **_make_environ(home),
            "AIRFLOW_CONN_MODELARTS": json.dumps(make_connection(sandbox)),
        }
        self.run("db", "migrate")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Airflow; its output goes into the directory, too."""
        with (self.home / "output.log").open("a+", encoding="utf-8") as log:
            begin = log.seek(0, os.SEEK_END)
            done = subprocess.run(
                [PROGRAM, *arguments],
                env=self.environ,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=COMMAND_LIMIT,
            )
            log.seek(begin)
            done.stdout = log.read()
        return done

    def select(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        connection = sqlite3.connect(f"file:{self.home}/airflow.db?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def list_instances(self) -> list[tuple[Any, ...]]:
        """Return task, index, state and number of tries of each task instance."""
        columns = "replace(task_id, 'export_dataset.', ''), map_index, state, try_number"
        return self.select(f"SELECT {columns} FROM task_instance ORDER BY task_id, map_index")  # noqa: S608

    def find_instance(self, task: str) -> tuple[str | None, int]:
        """Return state and number of tries of the first instance of a task."""
        found = [(state, tries) for name, _, state, tries in self.list_instances() if name == task]
        return found[0] if found else (None, 0)

    def find_instance_id(self, task: str) -> str:
        """Return the ID of the one instance of a task, which the titles of its processes have."""
        [(found,)] = self.select(f"SELECT id FROM task_instance WHERE task_id LIKE '%{task}'")  # noqa: S608
        return str(UUID(found))

    def find_in_logs(self, words: str) -> list[str]:
        """Return the messages with these words in the logs of tasks, with the file of the try."""
        return [
            f"{path.name}: {event}"
            for path in sorted(self.home.rglob("attempt=*.log"))
            for line in path.read_text(encoding="utf-8").splitlines()
            if words in (event := json.loads(line)["event"])
        ]

    def find_secret(self) -> list[str]:
        """Return the files below the directory that contain the secret key: logs, output and the database."""
        files = [path for path in self.home.rglob("*") if path.is_file()]
        return [str(path) for path in files if self.secret.encode() in path.read_bytes()]


def _adapt_sample() -> str:
    """Return the text of the DAG with its CHANGES."""
    text = SAMPLE.read_text(encoding="utf-8")
    for line, changed in CHANGES.items():
        assert line in text
        text = text.replace(line, changed)
    return text


def _make_environ(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "NO_COLOR": "1",
    }


def make_connection(sandbox: Sandbox) -> dict[str, Any]:
    extra = {"endpoint": sandbox.url, "project_id": sandbox.project_id, **SETTINGS}
    return {
        "conn_type": "generic",
        "login": sandbox.access_key,
        "password": sandbox.secret_key,
        "extra": extra,
    }


def wait_until(what: str, condition: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the condition returns
    """Return the result of a condition as soon as it is true. Raises TimeoutError after EVENT_LIMIT."""
    ends = time.monotonic() + EVENT_LIMIT
    while not (result := condition()):
        if time.monotonic() > ends:
            raise TimeoutError(f"{what}: not after {EVENT_LIMIT:g} s")
        time.sleep(0.2)
    return result


@contextmanager
def started(airflow: Airflow) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start the API server, the DAG processor and the scheduler of Airflow, and stop them in the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    airflow.environ |= {
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",  # seconds until a worker counts as lost
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
    }
    services: list[subprocess.Popen[bytes]] = []
    with (airflow.home / "services.log").open("wb") as log:
        try:
            for name in ("api-server", "dag-processor", "scheduler"):
                command = [str(PROGRAM), name]
                services.append(
                    subprocess.Popen(
                        command, env=airflow.environ, stdout=log, stderr=log, start_new_session=True
                    )
                )
            yield services
        finally:
            for service in services:
                os.killpg(service.pid, signal.SIGTERM)
            for service in services:
                try:
                    service.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(service.pid, signal.SIGKILL)


def list_descendants(pid: int) -> dict[int, str]:
    """Return the title of each process below one, by its ID."""
    command = ["ps", "-eo", "pid=,ppid=,args="]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    processes = [
        (int(child), int(parent), title) for child, parent, title in (li.split(None, 2) for li in lines)
    ]
    found: dict[int, str] = {}
    parents = {pid}
    while parents:
        children = {child: title for child, parent, title in processes if parent in parents}
        found |= children
        parents = set(children)
    return found


def kill_worker(scheduler: int, instance_id: str) -> None:
    """Kill the process of a task instance and its supervisor, as the loss of a worker does."""
    worker = re.compile(rf"airflow worker -- (LocalExecutor: )?{instance_id}$")
    titles = {pid: title for pid, title in list_descendants(scheduler).items() if worker.match(title)}
    assert len(titles) == 2, titles
    for pid, title in titles.items():
        print(f"kill -KILL {pid}  # {title}")
        os.kill(pid, signal.SIGKILL)
