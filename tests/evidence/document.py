"""docs/evidence.md: which checkers that are not ours have seen what we make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tests.evidence.checks import Check, accepted, few_reasons

ENOUGH = 2
_INTRODUCTION = """\
# Evidence

Nobody who works on this project can deploy it to AWS, so each resource type and each kind of Kubernetes object should have been
looked at by at least two checkers that are not ours. This page is generated: `make snapshots` rewrites it, a test holds it
current, and `make evidence` runs the checkers that need an environment of their own again.

A cross means that the checker has looked at the type, not that AWS would accept it. What only an account can show is what
`make verify-aws ENV=sandbox` is for: [verify-aws.md](verify-aws.md).
"""


def render(
    types: Iterable[str], type_checks: Sequence[Check], kinds: Iterable[str], kind_checks: Sequence[Check]
) -> str:
    """The document."""
    return "\n".join(
        [
            _INTRODUCTION,
            "## Resource types\n",
            *_table("type", sorted(types), type_checks),
            "\n## Kinds of Kubernetes objects\n",
            *_table("kind", sorted(kinds), kind_checks),
            "\n## Seen by fewer than two\n",
            *_few(types, type_checks, few_reasons()),
            *_few(kinds, kind_checks, few_reasons()),
            "\n## Findings of checkov that are right as they are\n",
            "| check | why |",
            "|---|---|",
            *(f"| {check} | {reason} |" for check, reason in accepted().items()),
            "",
        ]
    )


def few(names: Iterable[str], checks: Sequence[Check]) -> dict[str, list[str]]:
    """Each name that fewer than two checkers have seen, with those that have; checkers with the same source count as one."""
    found = {}
    for name in sorted(names):
        seen_by = [check for check in checks if name in check.seen]
        if len({check.source or check.name for check in seen_by}) < ENOUGH:
            found[name] = [check.name for check in seen_by]
    return found


def _few(names: Iterable[str], checks: Sequence[Check], why: Mapping[str, str]) -> list[str]:
    return [
        f"- `{name}`: {' and '.join(by) or 'none'}. {reason_for(name, why)}" for name, by in few(names, checks).items()
    ]


def reason_for(name: str, why: Mapping[str, str]) -> str:
    """Why a type or kind has no second checker, by its name or the start of it. Raises LookupError if no reason is given."""
    for start, reason in why.items():
        if name.startswith(start):
            return reason
    raise LookupError(f"{name}: seen by fewer than {ENOUGH} checkers; add one, or a reason to tests/evidence/few.yaml")


def _table(heading: str, names: Iterable[str], checks: Sequence[Check]) -> list[str]:
    legend = [f"- **{check.name}**: {check.what}." for check in checks]
    head = f"| {heading} | " + " | ".join(check.name for check in checks) + " |"
    rows = [
        f"| `{name}` | " + " | ".join("x" if name in check.seen else "" for check in checks) + " |" for name in names
    ]
    return [*legend, "", head, "|---" * (len(checks) + 1) + "|", *rows]
