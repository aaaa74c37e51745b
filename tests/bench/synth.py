"""Measures a synth: the whole app with cdk-nag as a ratio to an empty app, and the time that each further service adds.

Both run as whole processes, in turns, so that the ratio holds on a busy machine where seconds do not. The app runs as
`make synth` runs it, without CDK's own rules (docs/decisions/0012); the empty app as `cdk init` leaves it, with them. The
ratios with and without them on both sides are printed too. Run it with `make bench`; `--where` shows the parts of a synth.
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
RATIO_GOAL = 2.0
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


def run(app: Path, outdir: Path, *, rules: bool = False) -> float:
    """Runs a CDK app as the CLI would and returns its wall time in seconds.

    Args:
        app: the app's file.
        outdir: where the cloud assembly goes; emptied before.
        rules: whether CDK's own rules run.
    """
    return _timed([str(app)], outdir, rules=rules, cwd=app.parent)


def _timed(arguments: list[str], outdir: Path, *, rules: bool, cwd: Path) -> float:
    settings = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))
    environment = {
        **os.environ,
        "CDK_OUTDIR": str(outdir),
        "CDK_CONTEXT_JSON": json.dumps(settings["context"]),
        "CDK_DISABLE_STACK_TRACE": "1",
        "CDK_VALIDATION": str(rules).lower(),
        "PYTHONDONTWRITEBYTECODE": "",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    options = [part for part in settings["app"].split() if part.startswith("-")]
    shutil.rmtree(outdir, ignore_errors=True)
    start = time.perf_counter()
    command = [sys.executable, *options, *arguments]
    subprocess.run(command, check=True, env=environment, cwd=cwd, capture_output=True)
    return time.perf_counter() - start


def project(folder: Path, generated: int | None = None) -> Path:
    """A copy of the project, with its own services or with generated ones beside its job; returns its app."""
    for name in ("config", "stacks"):
        shutil.copytree(ROOT / name, folder / name)
    # A load balancer takes a hundred services, so the project's own would not fit beside a hundred generated ones.
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
    out = scratch / "out"
    pairs = {
        f"whole app with cdk-nag to empty app (goal {RATIO_GOAL:g})": (False, True),
        "the same with CDK's own rules on both sides": (True, True),
        "the same without them on both sides": (False, False),
    }
    for what, (rules, rules_of_empty) in pairs.items():
        run(empty, out, rules=rules_of_empty), run(whole, out, rules=rules)  # warm
        ratios = [run(whole, out, rules=rules) / run(empty, out, rules=rules_of_empty) for _ in range(rounds)]
        print(f"{what}: {statistics.median(ratios):.2f} (of {min(ratios):.2f} to {max(ratios):.2f})", flush=True)


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


def where_it_goes(scratch: Path, rounds: int, generated: int) -> None:
    """Prints each part's share of a synth, for the project's own services and for many generated ones."""
    for title, count in (("own services", None), (f"{generated} generated services", generated)):
        app = project(scratch / f"where-{count}", count)
        plain = [_parts(app, scratch, rules=False) for _ in range(rounds + 1)][1:]
        total = statistics.median(sum(run["seconds"].values()) for run in plain)
        rules = statistics.median(_parts(app, scratch, rules=True)["seconds"][_LAST_PART] for _ in range(rounds))
        rules -= statistics.median(run["seconds"][_LAST_PART] for run in plain)
        print(f"{title}: calls to Node {plain[0]['calls']}")
        for part in plain[0]["seconds"]:
            share = statistics.median(run["seconds"][part] for run in plain) / total
            print(f"  {100 * share:5.0f} %  {part}")
        print(f"  {100 * rules / total:+5.0f} %  CDK's own rules, where they run", flush=True)


_LAST_PART = "synthesize: resolve, check with cdk-nag, write"


def _parts(app: Path, scratch: Path, *, rules: bool) -> dict[str, dict[str, float]]:
    result = scratch / "where.json"
    script = Path(__file__).with_name("where.py")
    _timed([str(script), str(app.parent), str(result)], scratch / "out", rules=rules, cwd=app.parent)
    parts: dict[str, dict[str, float]] = json.loads(result.read_text(encoding="utf-8"))
    return parts


def main() -> None:
    """Runs both measurements in a scratch folder, or shows the parts of a synth."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.synth", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="pairs to measure (default 5)")
    parser.add_argument("--where", action="store_true", help="show where a synth goes instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if options.where:
            where_it_goes(scratch, options.rounds, COUNTS[-1])
            return
        whole_to_empty(scratch, options.rounds)
        added_by_a_service(scratch, max(1, options.rounds // 2))


if __name__ == "__main__":
    main()
