#!/usr/bin/env python3
"""The CDK app: loads the environment and the services once, builds the stacks, checks them, and synthesizes."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

# A synth is one short burst of allocation; collecting garbage on the way only costs time.
gc.disable()

from aws_cdk import App, Validations  # noqa: E402

from config.catalog import load_catalog  # noqa: E402
from config.errors import ConfigError  # noqa: E402
from config.settings import load_settings, overrides_from_context  # noqa: E402

ROOT = Path(__file__).resolve().parent
DEFAULT_ENVIRONMENT = "sandbox"
_REFERENCES = "@aws-cdk/core:defaultCrossStackReferences"


def build(app: App, root: Path = ROOT) -> None:
    """Adds the stacks of the environment that `-c env=NAME` picks, and the rules they are checked by.

    Raises:
        ConfigError: a setting or a manifest is wrong.
    """
    context = app.node.get_all_context()
    environment = str(context.get("env") or DEFAULT_ENVIRONMENT)
    settings = load_settings(root, environment, overrides_from_context(context))
    catalog = load_catalog(root, settings)
    for notice in catalog.notices:
        print(notice, file=sys.stderr)
    app.node.set_context(_REFERENCES, settings.references.value)

    # These take seconds to import; a typing error in a manifest is told before that.
    from cdk_nag import AwsSolutionsChecks  # noqa: PLC0415

    from stacks.environment import build_stacks  # noqa: PLC0415

    build_stacks(app, settings, catalog)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def main() -> int:
    """Synthesizes.

    A wrong setting or manifest is one line on stderr and exit status 2; a finding of cdk-nag is exit status 1.
    """
    app = App(analytics_reporting=False, tree_metadata=False)
    try:
        build(app)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        app.synth()
    except RuntimeError as error:
        if "ValidationFailed" not in str(error):
            raise
        # The rules' findings are printed already, each with its construct; a traceback would only bury them.
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
