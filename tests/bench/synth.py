"""How long a synth takes: the whole app with cdk-nag as a ratio to an empty app, and what each further service adds.

Both are whole processes, taken in turns in one run, so that the ratio holds on a busy machine where seconds do not.
Run it with `make bench`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COUNTS = (1, 10, 50, 100)
RATIO_GOAL = 2.4
SERVICE_GOAL_MS = 40.0

EMPTY_APP = """
import gc
gc.disable()
from aws_cdk import App, Stack, aws_sns
app = App(analytics_reporting=False, tree_metadata=False)
aws_sns.CfnTopic(Stack(app, "Empty"), "Topic")
app.synth()
"""
MANIFEST = """
kind: http
description: Generated service {number}
port: 8080
path: /generated-{number}
health: /healthz
cpu: 256
memory: 512
scaling: {{min: 1, max: 4, cpu_target: 60}}
priority: {priority}
calls: {calls}
"""


def run(app: Path, outdir: Path) -> float:
    """Runs a CDK app as the CLI would and returns its wall time in seconds."""
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    environment = {
        **os.environ,
        "CDK_OUTDIR": str(outdir),
        "CDK_CONTEXT_JSON": json.dumps(context),
        "CDK_DISABLE_STACK_TRACE": "1",
        "PYTHONDONTWRITEBYTECODE": "",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    shutil.rmtree(outdir, ignore_errors=True)
    start = time.perf_counter()
    subprocess.run([sys.executable, "-O", str(app)], check=True, env=environment, cwd=app.parent, capture_output=True)
    return time.perf_counter() - start


def project(folder: Path, generated: int | None = None) -> Path:
    """A copy of the project, with its own services or with generated ones beside its job; returns its app."""
    for name in ("config", "stacks"):
        shutil.copytree(ROOT / name, folder / name)
    # A load balancer feeds a hundred services; the project's own would not fit beside a hundred generated ones.
    own = ["hello"] if generated is not None else [path.name for path in (ROOT / "services").iterdir() if path.is_dir()]
    for name in own:
        shutil.copytree(ROOT / "services" / name, folder / "services" / name)
    shutil.copy(ROOT / "app.py", folder)
    with (folder / "config" / "environments" / "sandbox.yaml").open("a", encoding="utf-8") as settings:
        settings.write("quotas: {listener_rules: 101, group_rules: 101}\n")
    for number in range(generated or 0):
        service = folder / "services" / f"generated-{number}"
        service.mkdir()
        calls = "[generated-0]" if number else "[]"
        manifest = MANIFEST.format(number=number, priority=number + 1, calls=calls)
        (service / "service.yaml").write_text(manifest, encoding="utf-8")
        (service / "Dockerfile").write_text(f"FROM scratch\nLABEL number={number}\n", encoding="utf-8")
        (service / ".dockerignore").write_text("*\n", encoding="utf-8")
    return folder / "app.py"


def whole_to_empty(scratch: Path, rounds: int) -> None:
    """Prints the ratio of the whole app to the empty one, pair by pair."""
    empty = scratch / "empty" / "app.py"
    empty.parent.mkdir()
    empty.write_text(EMPTY_APP, encoding="utf-8")
    whole = project(scratch / "whole")
    run(empty, scratch / "out"), run(whole, scratch / "out")  # warm
    ratios = [run(whole, scratch / "out") / run(empty, scratch / "out") for _ in range(rounds)]
    middle = statistics.median(ratios)
    print(
        f"whole app with cdk-nag to empty app: {middle:.2f} (of {min(ratios):.2f} to {max(ratios):.2f}; goal {RATIO_GOAL})"
    )


def added_by_a_service(scratch: Path, rounds: int) -> None:
    """Prints the time that each generated service adds, at growing numbers of them."""
    base = project(scratch / "base", 0)
    run(base, scratch / "out")
    for count in COUNTS:
        app = project(scratch / f"with-{count}", count)
        run(app, scratch / "out")
        added = [run(app, scratch / "out") - run(base, scratch / "out") for _ in range(rounds)]
        each = 1000 * statistics.median(added) / count
        note = "" if count > 1 else ", mostly noise at one"
        print(f"each of {count:>3} generated services adds {each:6.1f} ms (goal {SERVICE_GOAL_MS:g}{note})", flush=True)


def main() -> None:
    """Runs both measurements in a scratch folder."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.synth", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="pairs to measure (default 5)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as scratch:
        whole_to_empty(Path(scratch), rounds)
        added_by_a_service(Path(scratch), max(1, rounds // 2))


if __name__ == "__main__":
    main()
