"""`python -m ops <command>`: the one entry point of the operator's commands."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
from pathlib import Path
from types import FrameType

from ops.errors import OpsError
from ops.local import base_image, emulator
from ops.local import engine as engines
from ops.local.workspace import Workspace
from ops.process import end_children
from ops.say import Say

PROJECT = Path.cwd()  # the commands work on the project they are run in


def _engine(options: argparse.Namespace, say: Say) -> int:
    workspace = Workspace(PROJECT)
    if options.stop:
        if not engines.stop_started(workspace, say):
            say.line("no engine was started from here")
        return 0
    engine = engines.ensure(workspace, say)
    say.line(f"client:       {engine.client}")
    say.line(f"engine:       {engine.version} ({engine.architecture}) at {engine.host}")
    for key, value in engine.environment.items():
        say.line(f"export {key}={value}")
    return 0


def _base_image(options: argparse.Namespace, say: Say) -> int:
    engine = engines.ensure(Workspace(PROJECT), say)
    image = base_image.ensure(engine, say, registry=options.registry)
    origin = "stand-in made here" if base_image.is_stand_in(engine, image) else "pulled"
    say.line(f"base image:   {image} ({origin})")
    return 0


def _up(options: argparse.Namespace, say: Say) -> int:
    from ops.local.sandbox import Up  # noqa: PLC0415 - boto3 and the settings take time that --help need not

    Up(_project(options), say).run()
    return 0


def _down(options: argparse.Namespace, say: Say) -> int:
    from ops.local.sandbox import down  # noqa: PLC0415 - see _up

    down(_project(options), say, remove_images=options.images)
    return 0


def _status(options: argparse.Namespace, say: Say) -> int:
    from ops.local.sandbox import status  # noqa: PLC0415 - see _up

    return 0 if status(_project(options), say) else 1


def _logs(options: argparse.Namespace, say: Say) -> int:
    from ops.local.sandbox import logs  # noqa: PLC0415 - see _up

    logs(_project(options), say, service=options.service or None, follow=options.follow)
    return 0


def _prune(options: argparse.Namespace, say: Say) -> int:
    from ops.local.sandbox import prune  # noqa: PLC0415 - see _up

    prune(_project(options), say)
    return 0


def _fidelity(options: argparse.Namespace, say: Say) -> int:
    from ops.local.fidelity import update, update_from  # noqa: PLC0415 - see _up

    changed = update_from(PROJECT, options.assembly) if options.assembly else update(_project(options), say)
    say.line("docs/emulator.md was brought up to date" if changed else "docs/emulator.md is current")
    return 0


def _project(options: argparse.Namespace):  # type: ignore[no-untyped-def]  # noqa: ANN202 - imported late, see _up
    from ops.local.sandbox import Project  # noqa: PLC0415 - see _up

    project = Project(root=PROJECT, environment=options.env, endpoint=options.endpoint)
    emulator.require_loopback(project.endpoint)
    return project


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ops", description="Operator's commands, run in the project's folder."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    engine = commands.add_parser("engine", help="find a container engine that can build, or install and start one")
    engine.add_argument("--stop", action="store_true", help="stop the engine that was started from here")
    engine.set_defaults(handler=_engine)
    base = commands.add_parser("base-image", help="pull the base image, or make a stand-in of the same name")
    base.add_argument("--registry", default=base_image.DEFAULT_REGISTRY, help="value of BASE_REGISTRY")
    base.set_defaults(handler=_base_image)
    local = argparse.ArgumentParser(add_help=False)
    local.add_argument("--env", default="sandbox", help="environment of config/environments (default: sandbox)")
    local.add_argument("--endpoint", default=emulator.DEFAULT_ENDPOINT, help="loopback address of the emulator")
    commands.add_parser("up", parents=[local], help="deploy everything to an AWS on this machine").set_defaults(
        handler=_up
    )
    down = commands.add_parser("down", parents=[local], help="destroy the local deployment and stop the emulator")
    down.add_argument("--images", action="store_true", help="remove the images from the engine too")
    down.set_defaults(handler=_down)
    commands.add_parser("status", parents=[local], help="what runs locally").set_defaults(handler=_status)
    logs = commands.add_parser("logs", parents=[local], help="what the local services wrote")
    logs.add_argument("service", nargs="?", default="", help="one service; all by default")
    logs.add_argument("--follow", "-f", action="store_true", help="go on until Ctrl-C")
    logs.set_defaults(handler=_logs)
    prune = commands.add_parser("prune", parents=[local], help="take down local services whose folder is gone")
    prune.set_defaults(handler=_prune)
    fidelity = commands.add_parser(
        "fidelity", parents=[local], help="write what the emulator leaves out into docs/emulator.md"
    )
    fidelity.add_argument("--assembly", type=Path, help="a synthesized assembly; by default the app is synthesized")
    fidelity.set_defaults(handler=_fidelity)
    return parser


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code. A fault is one line on the error output, never a traceback."""
    options = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupted)
    signal.signal(signal.SIGINT, _interrupted)  # also where a script started us with it ignored
    try:
        return int(options.handler(options, Say()))
    except OpsError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        end_children()
        print("\nerror: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 141
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(
            f"error: the disk is full ({error.filename or 'writing'}); free some space and run it again",
            file=sys.stderr,
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
