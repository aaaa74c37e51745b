"""`python -m ops <command>`: the one entry point of the operator's commands."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ops.errors import OpsError
from ops.local import base_image
from ops.local import engine as engines
from ops.local.state import State
from ops.say import Say

PROJECT = Path(__file__).resolve().parents[1]


def _engine(options: argparse.Namespace, say: Say) -> None:
    state = State(PROJECT)
    if options.stop:
        if not engines.stop_started(state, say):
            say.line("no engine was started from here")
        return
    engine = engines.ensure(state, say)
    say.line(f"client:       {engine.client}")
    say.line(f"engine:       {engine.version} ({engine.architecture}) at {engine.host}")
    for key, value in engine.environment.items():
        say.line(f"export {key}={value}")


def _base_image(options: argparse.Namespace, say: Say) -> None:
    engine = engines.ensure(State(PROJECT), say)
    image = base_image.ensure(engine, say, registry=options.registry)
    origin = "stand-in made here" if base_image.is_stand_in(engine, image) else "pulled"
    say.line(f"base image:   {image} ({origin})")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops", description="Operator's commands.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    engine = commands.add_parser("engine", help="find a container engine that can build, or install and start one")
    engine.add_argument("--stop", action="store_true", help="stop the engine that was started from here")
    engine.set_defaults(handler=_engine)
    base = commands.add_parser("base-image", help="pull the base image, or make a stand-in of the same name")
    base.add_argument("--registry", default=base_image.DEFAULT_REGISTRY, help="value of BASE_REGISTRY")
    base.set_defaults(handler=_base_image)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code. A fault is one line on the error output, never a traceback."""
    options = _parser().parse_args(argv)
    try:
        options.handler(options, Say())
    except OpsError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\nerror: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
