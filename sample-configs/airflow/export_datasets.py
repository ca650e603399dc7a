"""An Airflow 3 DAG: a mapped task for each export, and for each a sensor.

No worker slot is held while an export task runs, as the sensor is rescheduled, nor while a dataset is busy: a
submission fails then, and is retried after RETRY_DELAY.

The exports are the specs in the directory `exports` beside this file; their `dataset_id` is an ID or
name:NAME, and `${now:%Y-%m-%d}` in them is the day of the run in TIME_ZONE. The workers need the program
(REPLACE the address with that of the clone that you install from, and COMMIT with a tag or commit of it)

    pip install "git+https://git.example.com/modelarts-export@COMMIT"

and the Connection `modelarts`, in a secrets backend or in their variable AIRFLOW_CONN_MODELARTS:

    {"conn_type": "generic", "login": "ACCESS KEY", "password": "SECRET KEY",
     "extra": {"region": "cn-north-4", "project_id": "PROJECT"}}

`extra` may have a security_token, and every setting of modelarts_export.connect. The secret is in no
argument, XCom, template or log of a task.

A retry is safe, also after the loss of a worker: the task of an earlier try is taken instead of a second one
if it is queued, running, or has succeeded within REUSE_WITHIN. That does not hold for a spec with filters
that the list of tasks does not show; then the log says why nothing was reused.

| what happens                               | the command exits with | here                               |
|--------------------------------------------|------------------------|------------------------------------|
| transient error, or a busy dataset         | 5                      | a retry                            |
| it is not known whether it was accepted    | 10                     | a retry, which takes the task      |
| invalid, not found, no access, refused     | 2, 3, 4, 6             | failed, no retry                   |
| the export task ended FAILED or STOPPED    | 7                      | failed; clear both tasks to repeat |
| fewer than REQUIRED_SAMPLES, or unknown    | 7                      | failed; change the spec to repeat  |
| not finished within TIMEOUT                | 8                      | failed; clear the sensor to go on  |
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import Connection, PokeReturnValue, dag, task, task_group
from airflow.sdk.exceptions import AirflowFailException

from modelarts_export import (
    AccessKey,
    Client,
    InvalidInputError,
    ModelArtsExportError,
    NotFoundError,
    ReusePolicy,
    TaskState,
    TemporaryError,
    ToNewDataset,
    ToObs,
    UnknownOutcomeError,
    connect,
    load_specs,
    submit,
)

SPECS = Path(__file__).parent / "exports"
CONCURRENCY = 8  # submissions, or status checks, at a time
POLL_INTERVAL = timedelta(minutes=1)
TIMEOUT = timedelta(hours=6)
REQUIRED_SAMPLES = 1  # 0 accepts an export without any, as the command does without --require-samples
RETRIES, RETRY_DELAY = 12, timedelta(minutes=5)  # for an hour a dataset may be busy, or the service away
REUSE_WITHIN = timedelta(hours=20)  # covers all retries and a run by hand on the same day, not the next night
TIME_ZONE = ZoneInfo("UTC")  # of the schedule and of ${now}; the command has the local time of its machine
LOG = logging.getLogger(__name__)


@contextmanager
def connected() -> Iterator[Client]:
    """Yield a client of the Connection; an error that no retry would mend fails the task at once."""
    connection = Connection.get("modelarts")
    settings = dict(connection.extra_dejson)
    credentials = AccessKey(
        access_key=connection.login or "",
        secret_key=connection.password or "",
        security_token=settings.pop("security_token", None),
    )
    settings.setdefault("queue_timeout", 0)  # Airflow waits for a busy dataset, without a worker slot
    try:
        with connect(credentials=credentials, **settings) as client:
            yield client
    except (TemporaryError, UnknownOutcomeError):
        raise
    except ModelArtsExportError as error:
        lines = dict.fromkeys(map(str, [error, *error.problems, error.hint]))  # one problem is the error
        raise AirflowFailException("\n".join(lines).rstrip()) from None


@task
def find_exports(dag_run: Any = None) -> list[dict[str, Any]]:  # noqa: ANN401 - a class of Airflow's inside
    """Return the validated exports; a retry of one sends the same body, whatever has become of its file."""
    with connected() as client:
        # when the run was due: the same day in a retry after midnight
        exports = load_specs(SPECS, now=dag_run.run_after.astimezone(TIME_ZONE))
        if not all(export.dataset_id for export in exports):
            raise InvalidInputError("every spec needs a dataset_id")
        if {export.project_id for export in exports} - {None, client.project_id}:
            raise InvalidInputError(f"a spec is not of the project {client.project_id}")
        given = dict.fromkeys(export.dataset_id or "" for export in exports)
        datasets = {each: find_dataset_id(client, each) for each in given}
        check_credentials(client, next(iter(datasets.values())))
    return [
        {
            "name": export.name or export.request.path,
            "dataset_id": datasets[export.dataset_id or ""],
            "body": json.loads(export.request.to_bytes()),
        }
        for export in exports
    ]


def find_dataset_id(client: Client, given: str) -> str:
    """Return the ID of a dataset; a name is looked up once, so that a retry exports the same dataset."""
    name = given.removeprefix("name:")
    return given if name == given else client.find_dataset(name).dataset_id


def check_credentials(client: Client, dataset_id: str) -> None:
    """Make the one call that a wrong key may cost: the gateway locks it after five, one from each worker."""
    try:
        next(client.iter_task_pages(dataset_id))
    except NotFoundError as error:
        LOG.warning("%s", error)  # the task of this export fails, and no other


@task(map_index_template="{{ task.op_kwargs['export']['name'] }}", max_active_tis_per_dagrun=CONCURRENCY)
def submit_export(export: Mapping[str, Any]) -> dict[str, str]:
    """Return the task of an export: a new one, or that of an earlier try."""
    body = export["body"]
    kind = ToNewDataset if body["export_params"]["export_dest"] == "NEW_DATASET" else ToObs
    reuse = ReusePolicy(reuse_running=True, reuse_within=REUSE_WITHIN.total_seconds())
    with connected() as client:
        created = submit(client, export["dataset_id"], kind(**body), reuse=reuse)
    LOG.info("export task %s is %s", created.task_id, "reused" if created.reused else "new")
    return {"name": export["name"], "dataset_id": created.dataset_id, "task_id": created.task_id}


@task.sensor(
    mode="reschedule",  # no process and no worker slot between two checks
    poke_interval=POLL_INTERVAL,
    timeout=TIMEOUT,
    map_index_template="{{ task.op_kwargs['submitted']['name'] }}",
    max_active_tis_per_dagrun=CONCURRENCY,
)
def wait_for_export(submitted: Mapping[str, str]) -> PokeReturnValue:
    """Check the status once; when the task has succeeded, return where its files are."""
    try:
        with connected() as client:
            current = client.show(submitted["dataset_id"], submitted["task_id"])
    except TemporaryError as error:
        LOG.warning("%s", error)
        return PokeReturnValue(is_done=False)
    LOG.info("export task %s is %s", current.task_id, current.status)
    if current.is_finished and current.state is not TaskState.SUCCESSED:
        reason = ": ".join(filter(None, current.failure))
        raise AirflowFailException(f"export task {current.task_id} is {current.status}: {reason}")
    if current.is_finished and (current.finished_samples or 0) < REQUIRED_SAMPLES:
        count = "an unknown number of" if current.finished_samples is None else current.finished_samples
        raise AirflowFailException(f"export task {current.task_id} exported {count} samples")
    return PokeReturnValue(is_done=current.is_finished, xcom_value=current.location)


@task_group
def export_dataset(export: Mapping[str, Any]) -> None:
    """Submit one export and wait for it; as a group, no export waits for the submissions of others."""
    wait_for_export(submitted=submit_export(export=export))


@dag(
    schedule="15 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=TIME_ZONE),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": RETRIES, "retry_delay": RETRY_DELAY},
)
def export_datasets() -> None:
    """Submit each export exactly once, and wait for all of them."""
    export_dataset.expand(export=find_exports())


export_datasets()
