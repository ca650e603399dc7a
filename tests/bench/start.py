"""The start-up time, compared with minimal programs that use the same libraries.

    python tests/bench/start.py

Each ratio is the median of 15 pairs: our command and its counterpart, run in turn as processes of their own.
The counterparts are a script that makes the same two signed calls, and empty Typer programs. Nothing is
asserted, as machines are noisy.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

PAIRS = 15
PROGRAM = [str(Path(sys.executable).parent / "modelarts-export")]
COMPLETION = {
    "_MODELARTS_EXPORT_COMPLETE": "complete_bash",
    "COMP_LINE": "modelarts-export to",  # our script of bash passes it, and that of Typer passes the others
    "COMP_WORDS": "modelarts-export to",
    "COMP_CWORD": "1",
}
TWO_COMMANDS = """\
import typer

app = typer.Typer()

@app.command()
def first(name: str = "a") -> None:
    print(name)

@app.command()
def second(name: str = "b") -> None:
    print(name)

app()
"""
ONE_COMMAND = """\
import typer

def only(name: str = "a") -> None:
    print(name)

typer.run(only)
"""
TWO_CALLS = """\
import hashlib, hmac, json, os, time
from urllib.parse import urlsplit
import requests, typer, yaml
from pydantic import BaseModel, TypeAdapter  # "import pydantic" would load nothing of it
from rich.console import Console

environ = os.environ
endpoint = environ["MODELARTS_EXPORT_ENDPOINT"]
project, dataset = environ["HUAWEICLOUD_SDK_PROJECT_ID"], environ["MODELARTS_EXPORT_DATASET_ID"]
session = requests.Session()
session.trust_env = False

def send(method, path, body=b""):
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    signed = {"content-type": "application/json", "host": urlsplit(endpoint).netloc,
              "x-project-id": project, "x-sdk-date": date}
    names = ";".join(signed)
    block = "".join(f"{name}:{value}\\n" for name, value in signed.items())
    canonical = "\\n".join([method, path + "/", "", block, names, hashlib.sha256(body).hexdigest()])
    text = f"SDK-HMAC-SHA256\\n{date}\\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(environ["HUAWEICLOUD_SDK_SK"].encode(), text.encode(), hashlib.sha256).hexdigest()
    signed["Authorization"] = (f"SDK-HMAC-SHA256 Access={environ['HUAWEICLOUD_SDK_AK']}, "
                               f"SignedHeaders={names}, Signature={signature}")
    response = session.request(method, endpoint + path, data=body, headers=signed)
    response.raise_for_status()
    return response.json()

tasks = f"/v2/{project}/datasets/{dataset}/export-tasks"
params = {"sample_state": "", "export_dest": "DIR"}
body = json.dumps({"path": f"/b/{time.time_ns()}/", "export_type": 3, "export_params": params})
created = send("POST", tasks, body.encode())
Console().print(send("GET", f"{tasks}/{created['task_id']}")["status"])
"""


def measure(command: Sequence[str], extra: Mapping[str, str]) -> float:
    """Return how long a command runs, in seconds; bytecode is cached, as that of an installed package is."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**environ, **extra})
    return time.perf_counter() - start


def compare(
    name: str, goal: float, ours: Callable[[], list[str]], other: list[str], extra: Mapping[str, str]
) -> None:
    """Print the median ratio of our command to its counterpart, after one run of each to fill caches."""
    measure(ours(), extra), measure(other, {})
    pairs = [(measure(ours(), extra), measure(other, {})) for _ in range(PAIRS)]
    ours_ms, other_ms = (median(each) * 1000 for each in zip(*pairs, strict=True))
    ratio = median(our_seconds / other_ms for our_seconds, other_ms in pairs)
    print(
        f"{name:12} {ratio:5.2f} times (goal {goal:.2f}): {ours_ms:4.0f} ms, counterpart {other_ms:4.0f} ms",
        flush=True,
    )


def run_benchmark() -> None:
    """Compare all commands, inside a sandbox."""
    with tempfile.TemporaryDirectory() as folder:
        scripts = {"calls": TWO_CALLS, "one": ONE_COMMAND, "two": TWO_COMMANDS}
        for name, text in scripts.items():
            Path(folder, f"{name}.py").write_text(text)
        calls, one, two = ([sys.executable, f"{folder}/{name}.py"] for name in scripts)
        compare("submit", 1.10, lambda: [*PROGRAM, "to-obs", "--path", f"/b/{time.time_ns()}/"], calls, {})
        compare("--version", 1.0, lambda: [*PROGRAM, "--version"], [*two, "first"], {})
        compare("dry run", 1.15, lambda: [*PROGRAM, "to-obs", "--path", "/b/d/", "--dry-run"], one, {})
        compare("completion", 1.0, lambda: PROGRAM, [*two, "first"], COMPLETION)


if __name__ == "__main__":
    if "--inside" in sys.argv:
        run_benchmark()
    else:
        inner = [sys.executable, __file__, "--inside"]
        sys.exit(
            subprocess.run(
                [*PROGRAM, "sandbox", "--task-duration", "0s", "--", *inner], check=False
            ).returncode
        )
