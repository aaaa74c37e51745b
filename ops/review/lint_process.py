"""The process that cfn-lint runs in, for ops/review/linting.py: REGION IGNORED... -- FILE... are its arguments."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from cfnlint.config import ConfigMixIn
from cfnlint.runner import Runner


def main(arguments: Sequence[str]) -> int:
    """Prints a line of JSON for each file: its name, and rule, path and message of each fault."""
    end = arguments.index("--")
    region, *ignored = arguments[:end]
    for file in arguments[end + 1 :]:
        config = ConfigMixIn([], templates=[file], regions=[region], ignore_checks=ignored)
        try:
            found = [(m.rule.id, "/".join(map(str, m.path or ())), m.message) for m in Runner(config).run()]
        except Exception as error:  # a template that it cannot take must not hide what it says of the others
            print(f"{file}: {error!r}", file=sys.stderr)
            continue
        print(json.dumps([file, found]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
