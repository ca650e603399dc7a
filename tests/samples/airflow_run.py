"""The Airflow DAG among the samples, run by a real Airflow against the sandbox; a report on stdout.

    python3 -m venv .venv-airflow
    .venv-airflow/bin/pip install -q -e '.[airflow]' -c tests/samples/airflow_constraints.txt
    .venv-airflow/bin/python -m tests.samples.airflow_run

Airflow has a temporary AIRFLOW_HOME with SQLite, and nothing beyond loopback is called. First `airflow dags
test` runs 50 exports while the service has faults, and then with a wrong key. At last the scheduler runs one
export with a LocalExecutor, whose worker is killed while it waits for the reply to a request that the server
has accepted. The exit code is 1 unless each export has exactly one task. KEEP=DIR copies the files of a part
that failed.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from modelarts_export.config.parsers import parse_duration
from modelarts_export.sandbox.faults.catalog import Faults
from modelarts_export.sandbox.faults.parser import parse_fault
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.sandbox.server import Sandbox
from tests.samples.airflow_home import PROGRAM, Airflow, kill_worker, make_connection, started, wait_until

DAG = "export_datasets"
SEED = 1
EXPORTS, FAILING = 50, 2  # FAILING of them are of a dataset whose tasks fail
DATASETS = ["sandbox-failing"] * FAILING + ["sandbox-images"] * (EXPORTS - FAILING)
FAULTS = [
    "503:on=create,after=4,count=8",  # longer than the retries of the program: tries of Airflow fail
    "504:accepted=no,after=10,count=2",  # an unknown outcome without a task: tries of Airflow fail
    "drop:accepted=yes,probability=0.15",
    "drop:accepted=yes,by=rst,probability=0.1",
    "cut:probability=0.1",
    "504:accepted=yes,probability=0.05",
    "drop:accepted=no,probability=0.05",
    "429:retry-after=1s,probability=0.1",
    "500:on=list+show,probability=0.1",
    "lag:for=0.5s",
    "late:for=0.2s,probability=0.3",
]
KILLED_IN = 60.0  # seconds; for that long the reply of the killed worker's request is late


@dataclass(kw_only=True)
class Cloud:
    """A sandbox, and the calls that were made to it."""

    sandbox: Sandbox
    calls: Counter[str] = field(default_factory=Counter)

    def list_paths(self) -> list[str]:
        """Return the path of each task on the server."""
        cloud = self.sandbox.gateway.cloud
        return [
            task.request_fields["path"] for name in sorted({*DATASETS}) for task in cloud.list_tasks(name)
        ]


@contextmanager
def serve(faults: Sequence[str], task_duration: float) -> Iterator[Cloud]:
    """Serve a sandbox with faults."""
    calls = Counter[str]()

    def observe(request: Request, _reply: HttpReply) -> None:
        is_list = request.target.partition("?")[0].endswith("/export-tasks")
        calls["create" if request.method == "POST" else "list" if is_list else "show"] += 1

    parsed = [parse_fault(fault, parse_duration) for fault in faults]
    injected = Faults(parsed, rng=random.Random(SEED))  # noqa: S311 - which calls fail is no secret
    with Sandbox(task_duration=task_duration, observe=observe, faults=injected) as sandbox:
        yield Cloud(sandbox=sandbox, calls=calls)


def run_with_faults(home: Path) -> list[str]:
    """Run all exports by `airflow dags test`, print what happened, and return what is wrong."""
    with serve(FAULTS, task_duration=5.0) as cloud:
        airflow = Airflow(home, cloud.sandbox, DATASETS)
        errors = airflow.run("dags", "list-import-errors").stdout.strip().splitlines()[-1]
        print(f"$ airflow dags list-import-errors\n{errors}\n$ airflow dags test {DAG}")
        begin = time.monotonic()
        code = airflow.run("dags", "test", DAG).returncode
        seconds = time.monotonic() - begin
        paths = cloud.list_paths()
        instances = airflow.list_instances()
        [(checks,)] = airflow.select("SELECT count(*) FROM task_reschedule")
        states = Counter((name, state) for name, _, state, _ in instances)
        tries = Counter(tries for name, _, _, tries in instances if name == "submit_export")
        retried = sum(tries - 1 for *_, tries in instances if tries > 1)
        output = (home / "output.log").read_text(encoding="utf-8")
        print(f"exit code {code}, after {seconds:.0f} s; faults: {' '.join(FAULTS)}")
        for (name, state), count in sorted(states.items()):
            print(f"  {name}: {count} {state}")
        print(f"  tries of submit_export: {dict(sorted(tries.items()))}; retries of Airflow: {retried}")
        print(f"  reschedules of sensors: {checks}; calls: {dict(cloud.calls)}")
        print(f"  export tasks logged as new: {output.count('is new')}, reused: {output.count('is reused')}")
        print(f"exports: {EXPORTS}, {FAILING} of them of a dataset whose tasks fail")
        print(f"tasks on the server: {len(paths)}; paths: {len(set(paths))}")
        expected = {
            ("find_exports", "success"): 1,
            ("submit_export", "success"): EXPORTS,
            ("wait_for_export", "success"): EXPORTS - FAILING,
            ("wait_for_export", "failed"): FAILING,
        }
        once = [
            tries for name, _, state, tries in instances if (name, state) == ("wait_for_export", "failed")
        ]
        checked = {
            "an import error": errors == "No data found",
            "the states are others": states == expected,
            "no try of Airflow failed": retried > 0,
            "a failed export was tried again": once == [1] * FAILING,
            "an export has no task, or two": (len(paths), len(set(paths))) == (EXPORTS, EXPORTS),
            "the secret is in a file": airflow.find_secret() == [],
        }
        return [problem for problem, is_right in checked.items() if not is_right]


def run_with_wrong_key(home: Path) -> list[str]:
    """Run all exports with a key that the service refuses, and return what is wrong then."""
    with serve([], task_duration=5.0) as cloud:
        airflow = Airflow(home, cloud.sandbox, DATASETS)
        connection = {**make_connection(cloud.sandbox), "password": "wrong" * 8}
        airflow.environ["AIRFLOW_CONN_MODELARTS"] = json.dumps(connection)
        code = airflow.run("dags", "test", DAG).returncode
        states = Counter((name, state, tries) for name, _, state, tries in airflow.list_instances())
        print(f"$ airflow dags test {DAG}\nexit code {code}; calls: {dict(cloud.calls)}")
        for (name, state, tries), count in sorted(states.items()):
            print(f"  {name}: {count} {state}, tries: {tries}")
        checked = {
            "a wrong key costs more than one call": cloud.calls.total() == 1,
            "a wrong key is tried again": states["find_exports", "failed", 1] == 1,
        }
        return [problem for problem, is_right in checked.items() if not is_right]


def run_with_killed_worker(home: Path) -> list[str]:
    """Kill the worker of a submission that the server has accepted, and return what is wrong then."""
    fault = f"stall:accepted=yes,count=1,for={KILLED_IN:g}s"
    with serve([fault], task_duration=60.0) as cloud:
        airflow = Airflow(home, cloud.sandbox, ["name:cats-and-dogs"])
        connection = make_connection(cloud.sandbox)
        connection["extra"]["read_timeout"] = "5m"
        airflow.environ["AIRFLOW_CONN_MODELARTS"] = json.dumps(connection)
        print(f"$ airflow api-server, dag-processor, scheduler; dags trigger {DAG}; fault: {fault}")
        with started(airflow) as services:
            wait_until("the DAG is not loaded", lambda: airflow.select("SELECT dag_id FROM dag"))
            airflow.run("dags", "unpause", DAG)
            begin = time.monotonic()
            airflow.run("dags", "trigger", DAG)

            def report(event: str) -> None:
                states = [each for each in airflow.list_instances() if each[-1]]
                shown = ", ".join(f"{name} {state} (try {tries})" for name, _, state, tries in states)
                seconds, tasks = time.monotonic() - begin, len(cloud.list_paths())
                print(f"{seconds:5.1f} s  {event}; tasks on the server: {tasks}; {shown}")

            wait_until("nothing was sent", cloud.list_paths)
            report("the server has accepted the request, and its reply is late")
            kill_worker(services[-1].pid, airflow.find_instance_id("submit_export"))
            report("the worker is killed")
            wait_until("no retry", lambda: airflow.find_instance("submit_export")[1] > 1)
            report("Airflow has noticed, and tries again")
            wait_until("not submitted", lambda: airflow.find_instance("submit_export")[0] == "success")
            report("the retry has the task")
            ends = ("success", "failed")
            wait_until("not finished", lambda: airflow.find_instance("wait_for_export")[0] in ends)
            report("the export is finished")
            paths, reused = cloud.list_paths(), airflow.find_in_logs("is reused")
            print("\n".join(reused))
            print(f"exports: 1; tasks on the server: {len(paths)}; calls: {dict(cloud.calls)}")
            checked = {
                "the export has no task, or two": len(paths) == 1,
                "it was sent again": cloud.calls["create"] == 1,
                "the retry reused nothing": len(reused) == 1,
                "it did not succeed": airflow.find_instance("wait_for_export") == ("success", 1),
                "the secret is in a file": airflow.find_secret() == [],
            }
            return [problem for problem, is_right in checked.items() if not is_right]


def main() -> int:
    """Run all parts, and return 1 if something is wrong."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # which stops Airflow, too
    done = subprocess.run([PROGRAM, "version"], capture_output=True, text=True, check=True)
    print(f"Airflow {done.stdout.split()[-1]}, Python {sys.version.split()[0]}, seed {SEED}")
    problems: list[str] = []
    parts = {
        "Faults": run_with_faults,
        "A wrong key": run_with_wrong_key,
        "A killed worker": run_with_killed_worker,
    }
    for title, run in parts.items():
        print(f"\n{title}\n")
        with tempfile.TemporaryDirectory(prefix="airflow-", ignore_cleanup_errors=True) as home:
            found = run(Path(home))
            if found and (kept := os.environ.get("KEEP")):
                shutil.copytree(home, Path(kept) / Path(home).name)
            problems += found
    print(f"\n{'; '.join(problems) or 'all as it should be'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
