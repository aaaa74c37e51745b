#!/usr/bin/env python3
"""The CDK app: loads the environment and the services once, builds the stacks, checks them, and synthesizes."""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def prepare() -> None:
    """Corrects what the shell's environment lacks or sets for other projects, before anything is imported."""
    sys.path.insert(0, str(ROOT))  # PYTHONSAFEPATH leaves it out
    # jsii starts the first node on PATH, which must be the virtual environment's, activated or not.
    if sys.prefix != sys.base_prefix:
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.prefix, "bin")), os.environ.get("PATH", os.defpath)])
    # jsii unpacks its libraries into the home folder, which a container or a build server may not have.
    if not os.access(os.path.expanduser("~"), os.W_OK):  # noqa: PTH111 - Path.home() raises where there is none
        os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(ROOT / ".venv" / "cache" / "jsii"))
    # A synth is one short burst of allocation; collecting garbage along the way only costs time.
    gc.disable()


if __name__ == "__main__":
    prepare()

from aws_cdk import App, Validations  # noqa: E402

from config.catalog import load_catalog  # noqa: E402
from config.command_line import run  # noqa: E402
from config.extras import load_extras  # noqa: E402
from config.settings import load_settings, overrides_from_context  # noqa: E402

DEFAULT_ENVIRONMENT = "sandbox"
_REFERENCES = "@aws-cdk/core:defaultCrossStackReferences"
_NO_CREATION_TRACES = "aws:cdk:disable-creation-stack-traces"


def build(app: App, root: Path = ROOT) -> None:
    """Adds the stacks of the environment that `-c env=NAME` picks, and the rules that check them.

    Raises:
        ConfigError: a setting, a manifest or an extra.py is wrong.
    """
    context = app.node.get_all_context()
    environment = str(context.get("env") or DEFAULT_ENVIRONMENT)
    settings = load_settings(root, environment, overrides_from_context(context))
    catalog = load_catalog(root, settings)
    for notice in catalog.notices:
        print(notice, file=sys.stderr)
    out = Path(app.outdir)
    for spec in catalog.services:
        catalog.images[spec.name].stage(out)
        for sidecar in catalog.sidecar_images[spec.name].values():
            sidecar.stage(out)
    app.node.set_context(_REFERENCES, settings.references.value)
    # Where in Node each construct was created: only a debugger asks. `cdk --debug` sets the variable.
    app.node.set_context(_NO_CREATION_TRACES, "CDK_DEBUG" not in os.environ)

    # These take seconds to import; a typing error in a manifest is reported before that.
    from cdk_nag import AwsSolutionsChecks  # noqa: PLC0415

    from stacks.environment import build_stacks  # noqa: PLC0415

    build_stacks(app, settings, catalog, load_extras(root, [spec.name for spec in catalog.services]))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def main() -> int:
    """Synthesizes.

    A wrong setting or manifest is one line on stderr and exit status 2; a finding of cdk-nag is exit status 1.
    """
    return run(_synthesize)


def _synthesize() -> int:
    standalone = "CDK_CONTEXT_JSON" not in os.environ  # `python app.py`, without the CLI
    app = App(
        analytics_reporting=False,
        tree_metadata=False,
        context=_context() if standalone else None,
        outdir=os.environ.get("CDK_OUTDIR", str(ROOT / "cdk.out")) if standalone else None,
    )
    build(app)
    try:
        assembly = app.synth()
    except RuntimeError as error:
        if "ValidationFailed" not in str(error):
            raise
        # The findings are already printed, each with its construct; a traceback would only bury them.
        return 1
    if standalone:
        print(f"Synthesized {DEFAULT_ENVIRONMENT} into {assembly.directory}; `cdk synth -c env=NAME` picks another")
    return 0


def _context() -> dict[str, object]:
    """What the CLI would pass: the feature flags in cdk.json, and that templates name constructs and assets."""
    file = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))
    return {**file["context"], "aws:cdk:enable-path-metadata": True, "aws:cdk:enable-asset-metadata": True}


if __name__ == "__main__":
    sys.exit(main())
