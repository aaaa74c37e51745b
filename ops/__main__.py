"""`python -m ops <command>`: the single entry point of the operator commands."""

# Over 300 lines: every command of the one entry point, a few lines each.
from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from config.command_line import context_from, printable, run
from ops.errors import OpsError
from ops.local import base_image
from ops.local import engine as engines
from ops.local.target import DEFAULT_ENDPOINT, require_loopback
from ops.local.workspace import Workspace
from ops.process import end_children
from ops.say import Say

if TYPE_CHECKING:
    from config.settings import Settings
    from ops.local.project import Project

# Handlers import what only they need: boto3 and the settings are slow to load, and --help should not wait for them.
# ruff: noqa: PLC0415


# --- on the project's own files --------------------------------------------------------------------------------------


def _check(options: argparse.Namespace, say: Say) -> int:
    from ops.check import check

    for line in check(options.root, options.env, context_from(options.context)):
        say.line(printable(line))
    return 0


def _docs(options: argparse.Namespace, say: Say) -> int:
    from config.reference import write_reference
    from ops.assembly import Assembly
    from ops.costs import Bill, write_costs
    from ops.local.fidelity import DOCUMENT, update_from

    assembly = _assembly(options)
    changed = write_reference(options.root)
    changed += write_costs(options.root, Bill(Assembly(assembly).stacks), options.env)
    changed += [str(DOCUMENT)] if update_from(options.root, assembly) else []
    say.line(f"brought up to date: {', '.join(changed)}" if changed else "every generated document is current")
    return 0


def _import(options: argparse.Namespace, say: Say) -> int:
    from ops.importing import command

    command.run(options.root, options.path, say, service=options.service, name=options.name, dry_run=options.dry_run)
    return 0


def _new(options: argparse.Namespace, say: Say) -> int:
    from config.service import Kind
    from ops.new import create

    for line in create(options.root, options.name, Kind(options.like)):
        say.line(printable(line))
    return 0


# --- on a cloud assembly, or on AWS ----------------------------------------------------------------------------------


def _account(options: argparse.Namespace, say: Say) -> int:
    from ops.account import caller_account, check_account

    settings = _settings(options)
    account = caller_account()
    check_account(settings, account)
    say.line(f"{settings.prefix} in account {account}")
    return 0


def _preflight(options: argparse.Namespace, say: Say) -> int:
    from ops.preflight import clients_of, preflight

    settings = _settings(options)
    for line in preflight(settings, clients_of(settings)):
        say.line(line)
    return 0


def _service_roles(options: argparse.Namespace, say: Say) -> int:
    from ops.service_roles import create_missing

    for line in create_missing(_settings(options)):
        say.line(line)
    return 0


def _nat_image(options: argparse.Namespace, say: Say) -> int:
    from config.settings import load_settings
    from ops.nat_image import pin

    say.line(pin(options.root, load_settings(options.root, options.env, {})))
    return 0


def _run_job(options: argparse.Namespace, say: Say) -> int:
    from config.catalog import load_catalog
    from ops.account import caller_account, check_account
    from ops.preflight import clients_of
    from ops.run import job_named, run

    if options.endpoint:
        project = _project(options)
        settings, catalog = project.read(project.running_engine().architecture)
        return 0 if run(job_named(options.service, catalog), settings, project.target.client, say, local=True) else 1
    settings = _settings(options)
    job = job_named(options.service, load_catalog(options.root.resolve(), settings))
    check_account(settings, caller_account())
    return 0 if run(job, settings, clients_of(settings), say) else 1


def _settings(options: argparse.Namespace) -> Settings:
    from config.settings import load_settings, overrides_from_context

    return load_settings(options.root, options.env, overrides_from_context(context_from(options.context)))


def _changes(options: argparse.Namespace, say: Say) -> int:
    from config.settings import load_settings, overrides_from_context
    from ops.assembly import Assembly
    from ops.changes.command import answer

    settings = load_settings(options.root, options.env, overrides_from_context(context_from(options.context)))
    folders = options.assemblies
    if options.deployed:
        from ops.changes.deployed import client_in, deployed_stacks

        after = Assembly(folders[0] if folders else options.root / "cdk.out").stacks
        before = deployed_stacks(client_in(settings.region), after)
    elif len(folders) == 2:
        before, after = Assembly(folders[0]).stacks, Assembly(folders[1]).stacks
    else:
        raise OpsError("name two output folders of cdk synth, before and after; or use --deployed", exit_code=2)
    found = answer(before, after, accepted=options.accept, environment=options.env, quotas=settings.quotas)
    for line in found.lines:
        say.line(printable(line))
    return found.exit_code


def _review(options: argparse.Namespace, say: Say) -> int:
    from datetime import date

    from config.settings import load_settings, overrides_from_context
    from ops.review import command
    from ops.review.gate import rules_from
    from ops.review.sources import Request

    context = context_from(options.context)
    request = Request(
        root=options.root,
        settings=load_settings(options.root, options.env, overrides_from_context(context)),
        context=context,
        base=options.base,
        against=options.against,
        deployed=options.deployed,
        assembly=options.assembly,
    )
    output = options.output or options.root / command.FOLDER
    rules = rules_from(options.fail_on)
    return command.run(command.Wanted(request=request, rules=rules, output=output, today=date.today()), say)


def _costs(options: argparse.Namespace, say: Say) -> int:
    from ops.assembly import Assembly
    from ops.costs import Bill, render

    say.line(render(Bill(Assembly(_assembly(options)).stacks), options.env))
    return 0


def _summary(options: argparse.Namespace, say: Say) -> int:
    from ops.assembly import Assembly
    from ops.summary import summarize

    say.line(summarize(Assembly(_assembly(options))))
    return 0


def _sbom(options: argparse.Namespace, say: Say) -> int:
    from ops import sbom

    output = options.output or options.root / "sbom"
    sbom.write(
        options.root,
        options.services,
        environment=options.env,
        output=output,
        registry=options.base_registry,
        say=say,
    )
    return 0


def _assembly(options: argparse.Namespace) -> Path:
    return options.assembly or Path(options.root / "cdk.out")


# --- on this machine -------------------------------------------------------------------------------------------------


def _engine(options: argparse.Namespace, say: Say) -> int:
    workspace = Workspace(options.root.resolve())
    if options.stop:
        if not engines.stop_started(workspace, say):
            say.line("no engine was started here")
        return 0
    engine = engines.ensure(workspace, say)
    say.line(f"client:       {engine.client}")
    say.line(f"engine:       {engine.version} ({engine.architecture}) at {engine.host}")
    for key, value in engine.environment.items():
        say.line(f"export {key}={value}")
    return 0


def _base_image(options: argparse.Namespace, say: Say) -> int:
    engine = engines.ensure(Workspace(options.root.resolve()), say)
    image = base_image.ensure(engine, say, registry=options.registry)
    origin = "stand-in made here" if base_image.is_stand_in(engine, image) else "pulled"
    say.line(f"base image:   {image} ({origin})")
    return 0


def _up(options: argparse.Namespace, say: Say) -> int:
    from ops.local.up import Up

    Up(_project(options), say).run()
    return 0


def _down(options: argparse.Namespace, say: Say) -> int:
    from ops.local import commands

    commands.down(_project(options), say, remove_images=options.images)
    return 0


def _status(options: argparse.Namespace, say: Say) -> int:
    from ops.local import commands

    return 0 if commands.status(_project(options), say) else 1


def _logs(options: argparse.Namespace, say: Say) -> int:
    from ops.local.logs import logs

    logs(_project(options), say, service=options.service or None, follow=options.follow)
    return 0


def _prune(options: argparse.Namespace, say: Say) -> int:
    from ops.local import commands

    commands.prune(_project(options), say)
    return 0


def _project(options: argparse.Namespace) -> Project:
    from ops.local.project import Project

    require_loopback(options.endpoint)
    return Project(root=options.root.resolve(), environment=options.env, endpoint=options.endpoint)


# --- the command line ------------------------------------------------------------------------------------------------


class Commands:
    """Adds commands to a parser. Each has --root; options shared with other commands come in as parents."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._commands = parser.add_subparsers(dest="command", required=True, metavar="command")
        self._everywhere = _parent(
            "--root", type=_folder, default=Path(), help="project folder (default: the current one)"
        )

    def add(self, name: str, handler: object, what: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        command = self._commands.add_parser(
            name, parents=[self._everywhere, *parents], help=what, description=f"{what[0].upper()}{what[1:]}."
        )
        command.set_defaults(handler=handler)
        return command


def _parent(*names: str, **option: object) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(*names, **option)  # type: ignore[arg-type]
    return parser


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return path


def _add_review(commands: Commands, *parents: argparse.ArgumentParser) -> None:
    review = commands.add("review", _review, "compare with a base, and write a page, Markdown and JSON", *parents)
    bases = review.add_mutually_exclusive_group()
    bases.add_argument("--base", default="", metavar="REF|FOLDER", help="a git ref, or an output folder of cdk synth")
    bases.add_argument("--against", default="", metavar="ENV", help="another environment of this checkout")
    bases.add_argument("--deployed", action="store_true", help="what is deployed (reads only)")
    review.add_argument(
        "--assembly", type=Path, metavar="FOLDER", help="an output of cdk synth instead of this checkout"
    )
    review.add_argument(
        "--fail-on", default="", metavar="LIST", help="e.g. data-loss,refused,wider-rights,new-exposure,cost>10"
    )
    review.add_argument("--output", type=Path, metavar="FOLDER", help="where to write (default: review)")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops", description="Operator commands.")
    commands = Commands(parser)
    env = _parent("--env", default="sandbox", help="environment in config/environments (default: sandbox)")
    context = _parent(
        "-c", dest="context", action="append", default=[], metavar="KEY=VALUE", help="override a setting, as with cdk"
    )
    endpoint = _parent("--endpoint", default=DEFAULT_ENDPOINT, help="loopback address of the emulator")
    assembly = _parent("assembly", type=Path, nargs="?", help="output folder of cdk synth (default: cdk.out)")

    check = commands.add("check", _check, "load settings and manifests, and print one line per service", context)
    check.add_argument("--env", help="environment in config/environments (default: all)")
    commands.add(
        "docs", _docs, "write the generated parts of docs/, from the models and a synth of the sandbox", env, assembly
    )
    new = commands.add("new", _new, "make a folder for a new service")
    new.add_argument("name", help="name of the service and its folder")
    new.add_argument("--like", required=True, choices=("http", "worker", "job"), help="kind of the service")
    importing = commands.add(
        "import", _import, "write service.yaml from a Copilot manifest, a compose file or Kubernetes manifests"
    )
    importing.add_argument("path", help="the file, a folder of Kubernetes manifests, or - for standard input")
    importing.add_argument("--service", help="one service of the file (default: all)")
    importing.add_argument("--name", help="name of the new folder, if there is one service (default: as in the file)")
    importing.add_argument("--dry-run", action="store_true", help="print the manifests instead of writing them")
    commands.add(
        "account", _account, "refuse AWS credentials of an account that the environment does not allow", env, context
    )
    commands.add("preflight", _preflight, "check zones, subnets and addresses of the account", env, context)
    commands.add("service-roles", _service_roles, "create the service-linked roles that are missing", env, context)
    run_job = commands.add(
        "run", _run_job, "run a job now, follow it to its end, and print its last lines", env, context
    )
    run_job.add_argument("service", metavar="name", help="the job")
    run_job.add_argument("--endpoint", help="loopback address of the emulator, to run it there instead of on AWS")
    commands.add("nat-image", _nat_image, "write the newest image of the NAT instance into the settings", env)
    commands.add("summary", _summary, "list the stacks, images and addresses of a synth", assembly)
    changes = commands.add(
        "changes",
        _changes,
        "show what a deployment would do; refuse one that AWS refuses or that loses data",
        env,
        context,
    )
    changes.add_argument("assemblies", type=Path, nargs="*", help="output folders of cdk synth: before, after")
    changes.add_argument("--deployed", action="store_true", help="compare with what is deployed (reads only)")
    changes.add_argument("--accept", action="append", default=[], metavar="ID", help="a finding that is accepted")
    _add_review(commands, env, context)
    commands.add("costs", _costs, "print what an environment costs per month when idle", env, assembly)
    sbom = commands.add("sbom", _sbom, "write a bill of materials for each image", env)
    sbom.add_argument("services", nargs="*", metavar="service", help="default: all services")
    sbom.add_argument("--output", type=Path, help="folder to write to (default: sbom)")
    sbom.add_argument("--base-registry", help="build argument BASE_REGISTRY (default: the environment's)")

    engine = commands.add("engine", _engine, "find a container engine that can build, or install and start one")
    engine.add_argument("--stop", action="store_true", help="stop the engine that was started here")
    base = commands.add("base-image", _base_image, "pull the base image, or build a stand-in under the same name")
    base.add_argument("--registry", default=base_image.DEFAULT_REGISTRY, help="value of BASE_REGISTRY")
    commands.add("up", _up, "deploy everything to an emulated AWS on this machine", env, endpoint)
    down = commands.add("down", _down, "destroy the local deployment and stop the emulator", env, endpoint)
    down.add_argument("--images", action="store_true", help="also remove the images from the engine")
    commands.add("status", _status, "show what runs locally", env, endpoint)
    logs = commands.add("logs", _logs, "print the logs of the local services", env, endpoint)
    logs.add_argument("service", nargs="?", default="", help="one service (default: all)")
    logs.add_argument("--follow", "-f", action="store_true", help="keep printing until Ctrl-C")
    commands.add("prune", _prune, "take down local services whose folder is gone", env, endpoint)
    return parser


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code. A fault is one line on stderr, never a traceback."""
    return run(lambda: _run(argv), before="error: ")


def _run(argv: list[str] | None) -> int:
    options = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupted)
    signal.signal(signal.SIGINT, _interrupted)  # even if a script started us with it ignored
    try:
        return int(options.handler(options, Say()))
    except KeyboardInterrupt:
        end_children()
        print("\nerror: interrupted; run the same command again to continue", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
