"""Runs the app and writes how long each part of the synth took. `python -m tests.bench.synth --where` calls it.

    python -OO tests/bench/where.py APP_FOLDER RESULT_FILE

The result is JSON: seconds by part, and the calls from Python to Node (jsii) before and during the synthesis.
"""

from __future__ import annotations

import time

START = time.perf_counter()

import gc  # noqa: E402
import importlib  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
from collections import Counter  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

gc.disable()


def main(folder: str, result: str) -> None:
    sys.path.insert(0, folder)
    seconds: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    last = START

    def lap(part: str) -> None:
        nonlocal last
        now = time.perf_counter()
        seconds[part] += now - last
        last = now

    import aws_cdk

    lap("import aws_cdk, start Node")
    composition: Any = importlib.import_module("app")
    lap("import config")
    _count_calls(calls)
    load = composition.load_catalog

    def load_catalog(*arguments: Any) -> Any:
        catalog = load(*arguments)
        lap("load settings and services")
        importlib.import_module("cdk_nag")
        lap("load cdk-nag")
        importlib.import_module("stacks.environment")
        lap("import stacks and what they use of aws_cdk")
        return catalog

    composition.load_catalog = load_catalog
    _time_stacks(aws_cdk.Stack, seconds)
    synthesize = aws_cdk.App.synth

    def synth(app: Any) -> Any:
        lap("build the shared stacks")
        seconds["build the shared stacks"] -= seconds["build the services' stacks"]
        calls["building"] = calls.pop("all")
        assembly = synthesize(app)
        lap("synthesize: resolve, check with cdk-nag, write")
        calls["synthesizing"] = calls.pop("all", 0)
        return assembly

    aws_cdk.App.synth = synth  # type: ignore[method-assign]
    status = composition.main()
    if status:
        sys.exit(status)
    Path(result).write_text(json.dumps({"seconds": seconds, "calls": calls}), encoding="utf-8")


def _count_calls(calls: Counter[str]) -> None:
    from jsii._kernel.providers.process import _NodeProcess

    send = _NodeProcess.send

    def counted(self: Any, *arguments: Any) -> Any:
        calls["all"] += 1
        return send(self, *arguments)

    _NodeProcess.send = counted  # type: ignore[method-assign]


def _time_stacks(stack: type, seconds: Counter[str]) -> None:
    """Adds up the time of stacks whose construct id names a service (`Ecs-web`)."""
    meta: Any = type(stack)
    make = meta.__call__

    def timed(cls: type, *arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        made = make(cls, *arguments, **options)
        if issubclass(cls, stack) and "-" in arguments[1]:
            seconds["build the services' stacks"] += time.perf_counter() - started
        return made

    meta.__call__ = timed


if __name__ == "__main__":
    main(*sys.argv[1:])
