"""What `apply` costs beside a hand-written script that posts the same bodies with as many threads.

    python tests/bench/apply.py

A sandbox in a process of its own answers after 20 ms. Each pair is our command and the script, one after the
other, as processes of their own: 1,000 documents, eight at a time, ten datasets. The script signs each
request as the API documents it, and prints the IDs. Nothing is asserted, as machines are noisy.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO

DOCUMENTS, DATASETS, CONCURRENCY, PAIRS, PLANNED = 1_000, 10, 8, 7, 10_000
PROGRAM = [str(Path(sys.executable).parent / "modelarts-export")]
SERVER = """\
import json, sys, threading
from collections import Counter
from modelarts_export.cli.commands.sandbox import make_settings
from modelarts_export.config.parsers import parse_duration
from modelarts_export.sandbox.faults.catalog import Faults
from modelarts_export.sandbox.faults.parser import parse_fault
from modelarts_export.sandbox.server import Sandbox

counts, lock = Counter(), threading.Lock()

def observe(request, reply):
    with lock:
        counts[request.method] += 1

faults = Faults([parse_fault("late:for=0.02s,on=all", parse_duration)])
with Sandbox(observe=observe, task_duration=float(sys.argv[1])) as sandbox:
    cloud = sandbox.gateway.cloud
    for number in range(8):
        params = {
            "export_dest": "NEW_DATASET",
            "export_new_dataset_name": f"new-{number}",
            "export_new_dataset_work_path": f"/b/work/{number}/",
        }
        cloud.add_task(sandbox.dataset_id, {"path": "/b/in/", "export_params": params}, age=3600, duration=0)
    new = [each.dataset_id for each in cloud.list_datasets() if each.name.startswith("new-")]
    datasets = ["sandbox-images", "sandbox-failing", *new]
    sandbox.gateway.faults = faults
    known = {"settings": make_settings(sandbox), "datasets": datasets}
    print(json.dumps(known), flush=True)
    for _ in sys.stdin:
        with lock:
            print(json.dumps(counts), flush=True)
            counts.clear()
"""
SCRIPT = """\
import hashlib, hmac, json, os, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit
import requests
from requests.adapters import HTTPAdapter

endpoint, project = os.environ["MODELARTS_EXPORT_ENDPOINT"], os.environ["HUAWEICLOUD_SDK_PROJECT_ID"]
key, secret = os.environ["HUAWEICLOUD_SDK_AK"], os.environ["HUAWEICLOUD_SDK_SK"].encode()
bodies, threads = json.load(open(sys.argv[1])), int(sys.argv[2])
session = requests.Session()
session.trust_env = False
session.mount("http://", HTTPAdapter(pool_maxsize=threads))

def sign(path, body):
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    signed = {"content-type": "application/json", "host": urlsplit(endpoint).netloc,
              "x-project-id": project, "x-sdk-date": date}
    names = ";".join(signed)
    block = "".join(f"{name}:{value}\\n" for name, value in signed.items())
    canonical = "\\n".join(["POST", path + "/", "", block, names, hashlib.sha256(body).hexdigest()])
    text = f"SDK-HMAC-SHA256\\n{date}\\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    authorization = f"SDK-HMAC-SHA256 Access={key}, SignedHeaders={names}, Signature={signature}"
    return {**signed, "Authorization": authorization}

def post(each):
    path = f"/v2/{project}/datasets/{each['dataset_id']}/export-tasks"
    body = json.dumps(each["body"]).encode()
    reply = session.post(endpoint + path, data=body, headers=sign(path, body), timeout=(10, 90))
    reply.raise_for_status()
    return reply.json()["task_id"]

begin = time.perf_counter()
with ThreadPoolExecutor(threads) as pool:
    print(*pool.map(post, bodies), sep="\\n")
Path(sys.argv[3]).write_text(str(time.perf_counter() - begin))
"""
# The program, which writes the seconds of its submissions to a file.
APPLY = """\
import sys, time
from pathlib import Path
from modelarts_export.__main__ import run
from modelarts_export.batch.runner import BatchRunner

file, submit = Path(sys.argv.pop(1)), BatchRunner.run

def submit_timed(runner):
    begin = time.perf_counter()
    rows = submit(runner)
    file.write_text(str(time.perf_counter() - begin))
    return rows

BatchRunner.run = submit_timed
run()
"""


@dataclass(kw_only=True)
class Server:
    """A sandbox in another process, and the settings of its clients."""

    environ: Mapping[str, str]
    datasets: Sequence[str]
    requests: IO[str]
    replies: IO[str]

    def take_counts(self) -> dict[str, int]:
        """Return the number of requests by method since the last time."""
        print(file=self.requests, flush=True)
        counts: dict[str, int] = json.loads(self.replies.readline())
        return counts


@contextmanager
def serve(task_duration: float) -> Iterator[Server]:
    """Start a sandbox whose tasks take some seconds.

    Its clients cache bytecode, as an installed package has it.
    """
    command, pipe = [sys.executable, "-c", SERVER, str(task_duration)], subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe) as process:
        assert process.stdin
        assert process.stdout
        known = json.loads(process.stdout.readline())
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        yield Server(
            environ=environ | known["settings"],
            datasets=known["datasets"],
            requests=process.stdin,
            replies=process.stdout,
        )
        process.kill()


def write_inputs(folder: Path, server: Server, run: str, count: int) -> None:
    """Write the documents of a run, and the same as a list of bodies."""
    documents = [
        {
            "dataset_id": server.datasets[number % DATASETS],
            "body": {
                "path": f"/bucket/{run}/{number}/",
                "export_type": 3,
                "export_params": {"sample_state": "", "export_dest": "DIR"},
            },
        }
        for number in range(count)
    ]
    specs = (
        f"name: export-{number}\ndataset_id: {each['dataset_id']}\npath: {each['body']['path']}\n"  # type: ignore[index]
        for number, each in enumerate(documents)
    )
    (folder / "specs.yaml").write_text("---\n".join(specs))
    (folder / "bodies.json").write_text(json.dumps(documents))


def measure(command: Sequence[str], environ: Mapping[str, str]) -> tuple[float, float]:
    """Return the seconds of a command, and its CPU seconds."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environ, capture_output=True, check=True)
    seconds, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(folder: Path) -> None:
    """Print the pairs and their medians; each run has a sandbox of its own, as many tasks make it slower."""
    of_all, of_cpu, of_submissions = [], [], []
    pool = folder / "seconds.txt"
    for _ in range(PAIRS):
        with serve(task_duration=3600.0) as server:
            write_inputs(folder, server, "bench", DOCUMENTS)
            arguments = [str(folder / "bodies.json"), str(CONCURRENCY), str(pool)]
            theirs, their_cpu = measure([sys.executable, "-c", SCRIPT, *arguments], server.environ)
            their_pool = float(pool.read_text())
        with serve(task_duration=3600.0) as server:
            write_inputs(folder, server, "bench", DOCUMENTS)
            arguments = [str(pool), "apply", str(folder / "specs.yaml"), f"--concurrency={CONCURRENCY}"]
            ours, our_cpu = measure([sys.executable, "-c", APPLY, *arguments], server.environ)
            our_pool = float(pool.read_text())
            counts = server.take_counts()
        of_all.append(ours / theirs)
        of_cpu.append(our_cpu / their_cpu)
        of_submissions.append(our_pool / their_pool)
        print(
            f"script {theirs:.2f} s ({their_cpu:.2f} CPU), apply {ours:.2f} s ({our_cpu:.2f} CPU): {counts}",
            flush=True,
        )
    print(
        f"median ratios: submissions {median(of_submissions):.2f}, the whole process {median(of_all):.2f}, "
        f"its CPU seconds {median(of_cpu):.2f}",
        flush=True,
    )


def plan(folder: Path) -> None:
    """Print what it costs to plan 10,000 documents."""
    with serve(task_duration=3600.0) as server:
        write_inputs(folder, server, "plan", PLANNED)
        command = [*PROGRAM, "apply", str(folder / "specs.yaml"), "--dry-run"]
        seconds, cpu = measure(command, server.environ)
        memory = measure_memory(command, server.environ)
    print(f"{PLANNED:,} documents planned: {seconds:.2f} s ({cpu:.2f} CPU), {memory:.0f} MiB", flush=True)


def measure_memory(command: Sequence[str], environ: Mapping[str, str]) -> float:
    """Return the largest memory of a command in MiB, from a process of its own."""
    code = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command], env=environ, capture_output=True, text=True, check=True
    )
    return int(done.stdout) / 1024


def submit_many(folder: Path) -> None:
    """Print the memory of runs of different sizes."""
    for count in (100, 1_000, 4_000):
        with serve(task_duration=3600.0) as server:
            write_inputs(folder, server, "memory", count)
            memory = measure_memory([*PROGRAM, "apply", str(folder / "specs.yaml")], server.environ)
        print(f"{count:,} documents submitted: {memory:.0f} MiB", flush=True)


def wait(folder: Path) -> None:
    """Print the calls of a wait for 1,000 tasks of ten datasets."""
    with serve(task_duration=4.0) as server:
        write_inputs(folder, server, "wait", DOCUMENTS)
        command = [*PROGRAM, "apply", str(folder / "specs.yaml"), "--wait", "--poll-interval", "1s", "-v"]
        done = subprocess.run(command, env=server.environ, capture_output=True, text=True, check=False)
        counts = server.take_counts()
    rounds = done.stderr.count(f"{server.datasets[0]}/export-tasks?limit=100&offset=0")
    print(f"wait: exit {done.returncode}, {counts}, {counts['GET'] / rounds:.1f} calls a round")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        compare(Path(name))
        plan(Path(name))
        submit_many(Path(name))
        wait(Path(name))
