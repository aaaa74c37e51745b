"""`python -m config check`: the rules of config alone, in a fraction of a second and without the CDK."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from config.catalog import Catalog, load_catalog
from config.command_line import context_from, printable, run
from config.reference import write_reference
from config.service import HttpService, Job, ServiceSpec
from config.settings import Settings, environments, load_settings, overrides_from_context


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks the environments asked for; 0 when they are right, else 2 and one line on stderr."""
    return run(lambda: _run(_parser().parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    for line in write_reference(options.root) if options.command == "docs" else _check(options):
        print(printable(line))
    return 0


def _check(options: argparse.Namespace) -> Iterator[str]:
    context = context_from(options.context)
    overrides = overrides_from_context(context)
    chosen = options.env if options.env is not None else context.get("env")
    for name in environments(options.root) if chosen is None else [chosen]:
        settings = load_settings(options.root, name, overrides)
        yield from _lines(settings, load_catalog(options.root, settings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m config", description="Checks settings and manifests.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="check | docs")
    docs = commands.add_parser("docs", help="write the schema and the tables of fields and settings into docs/")
    docs.add_argument("--root", type=Path, default=Path(), help="the project's folder; default: where you are")
    check = commands.add_parser("check", help="load an environment (all without --env) and print a line a service")
    check.add_argument("--env", help="name of a file in config/environments, without .yaml")
    check.add_argument("-c", dest="context", action="append", default=[], metavar="KEY=VALUE", help="as for cdk")
    check.add_argument("--root", type=Path, default=Path(), help="the project's folder; default: where you are")
    return parser


def _lines(settings: Settings, catalog: Catalog) -> Iterator[str]:
    platforms = " and ".join(platform.value for platform in settings.platforms)
    yield f"{settings.environment}: {len(catalog.services)} services on {platforms}"
    width = max((len(spec.name) for spec in catalog.services), default=0)
    for spec in catalog.services:
        yield f"  {spec.name:{width}}  {', '.join(_facts(spec))}"
    yield from (f"  note: {notice}" for notice in catalog.notices)


def _facts(spec: ServiceSpec) -> Iterator[str]:
    yield spec.kind.value
    yield "+".join(platform.value for platform in spec.platforms)
    if isinstance(spec, HttpService):
        yield f"{spec.path} at priority {spec.listener_priority}"
    if isinstance(spec, Job):
        yield f"{spec.schedule} {spec.timezone}"
    yield f"cpu {spec.cpu}, memory {spec.memory}"
    if spec.calls:
        yield f"calls {' '.join(spec.calls)}"


if __name__ == "__main__":
    sys.exit(main())
