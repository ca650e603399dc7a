"""The time and memory for reading specs and files of sample IDs.

    python tests/bench/specs.py

`python tests/bench/specs.py DIR` also compares documents and sample IDs with the checkout in DIR, in turn.
Then each hostile spec of hostile_rows.py is
validated once, with its CPU seconds and MiB; those over 3 s or 400 MiB are marked.

Each figure is the median of runs of the real program in processes of their own, in CPU seconds, in pairs
taken in turn: a run and a dry run (whose time is subtracted), or a run and one of twice the
size (a ratio of 2 is linear growth). Nothing is asserted, as machines are noisy.
"""

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

PAIRS = 5
BARE = ("to-obs", "d", "--path", "/b/d/", "--dry-run", "-q")  # what a start with a request costs
SERVER = """\
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"task_id": "t1"}')

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""
DOCUMENT = """\
dataset_id: 7f3c0a4b
path: /bucket/exports/{number}/
export_type: search
export_params:
  export_dest: DIR
  sample_state: accepted
  train_sample_ratio: 0.80
"""


HERE = Path(__file__).parents[2]
SECONDS, MEBIBYTES = 3, 400  # the limits for any spec


def measure(*arguments: str, of: Path = HERE, codes: tuple[int, ...] = (0,)) -> tuple[float, float]:
    """Return CPU seconds and MiB of one run of the program in a folder."""
    command = [sys.executable, "-m", "modelarts_export", *arguments]
    variables = {**os.environ, "PYTHONPATH": str(of)}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=variables)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        raise SystemExit(f"{arguments} exited with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure_without_start(*arguments: str) -> tuple[float, float]:
    """Return seconds without those of a bare start, and MiB: medians of pairs."""
    pairs = [(measure(*arguments), measure(*BARE)) for _ in range(PAIRS)]
    return median(run[0] - bare[0] for run, bare in pairs), median(run[1] for run, _ in pairs)


def measure_growth(small: list[str], large: list[str]) -> float:
    """Return how many times longer the large run takes: the median of pairs."""
    bare = median(measure(*BARE)[0] for _ in range(PAIRS))
    pairs = [(measure(*large)[0] - bare, measure(*small)[0] - bare) for _ in range(PAIRS)]
    return median(more / less for more, less in pairs)


def compare_with_checkout(other: Path, *arguments: str) -> float:
    """Return how many times longer a run takes here than in another checkout: the median of pairs."""
    pairs = [(measure(*arguments)[0], measure(*arguments, of=other)[0]) for _ in range(3 * PAIRS)]
    return median(here / there for here, there in pairs)


def measure_hostile_specs(folder: Path) -> None:
    """Print the cost of each hostile spec; another process writes them, to keep this one small."""
    subprocess.run([sys.executable, str(Path(__file__).with_name("hostile_rows.py")), folder], check=True)
    for spec in sorted(folder.iterdir()):
        seconds, mebibytes = measure("validate", "-q", str(spec), codes=(0, 2))
        mark = "!" if seconds > SECONDS or mebibytes > MEBIBYTES else " "
        size = spec.stat().st_size / 2**20
        print(f"{mark} {spec.name[3:]:36}{size:5.1f} MiB{seconds:7.2f} s{mebibytes:5.0f} MiB")


def run_benchmark(folder: Path, other: Path | None) -> None:
    """Print the figures."""
    for count in (10_000, 20_000):
        documents = (DOCUMENT.format(number=number) for number in range(count))
        (folder / f"{count}.yaml").write_text("---\n".join(documents))
    small, large = (["validate", "-q", str(folder / f"{count}.yaml")] for count in (10_000, 20_000))
    seconds, mebibytes = measure_without_start(*small)
    print(f"validate 10,000 documents: {10_000 / seconds:,.0f} a second, {mebibytes:.0f} MiB")
    print(f"twice as many: {measure_growth(small, large):.2f} times as long")
    if other:
        print(f"10,000 documents, as to {other}: {compare_with_checkout(other, *small):.3f} times as long")

    random_ids = random.Random(1)
    samples = folder / "samples"
    samples.write_text("".join(f"{random_ids.getrandbits(128):032x}\n" for _ in range(300_000)))
    line = ["to-obs", "abc", "--path", "/b/c/", "--samples-file", str(samples), "-o", "id", "-q"]
    with start_server() as url:
        os.environ.update(
            HUAWEICLOUD_SDK_AK="AK", HUAWEICLOUD_SDK_SK="secret", MODELARTS_EXPORT_PROJECT_ID="p"
        )
        os.environ["MODELARTS_EXPORT_ENDPOINT"] = url
        seconds, mebibytes = measure_without_start(*line)
        if other:
            print(
                f"300,000 sample IDs, as to {other}: {compare_with_checkout(other, *line):.3f} times as long"
            )
    print(f"300,000 sample IDs read, validated and sent: {seconds:.2f} s, {mebibytes:.0f} MiB")


@contextmanager
def start_server() -> Iterator[str]:
    """Start an API in a process of its own that accepts every request, and yield its URL."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        server.kill()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as hostile:
        run_benchmark(Path(scratch), Path(sys.argv[1]) if sys.argv[1:] else None)
        measure_hostile_specs(Path(hostile))
