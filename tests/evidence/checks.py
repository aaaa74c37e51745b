"""Which independent checkers have seen which of our resource types and kinds of Kubernetes objects.

None of them is ours. cfn-lint, kubernetes-validate and the emulator are asked here; the others are recorded by `make evidence`.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ops.local.filter import known_types

FOLDER = Path(__file__).parent
RECORDED = FOLDER / "recorded.yaml"
ACCEPTED = FOLDER / "accepted.yaml"
TRIED = FOLDER / "tried.yaml"
FEW = FOLDER / "few.yaml"


@dataclass(frozen=True)
class Check:
    """A checker that is not ours.

    Attributes:
        name: the column's heading.
        what: what it does with a type or kind, and which test or command runs it.
        seen: the types or kinds that it has looked at.
        source: what its knowledge of a type comes from; two checkers with the same source count as one.
    """

    name: str
    what: str
    seen: frozenset[str]
    source: str = ""


_SCHEMAS = "the schemas that AWS publishes"


@cache
def _yaml(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def recorded() -> dict[str, Any]:
    """What `make evidence` wrote."""
    return _yaml(RECORDED)


def accepted() -> dict[str, str]:
    """Checkov's findings that are right as they are, with the reason."""
    return _yaml(ACCEPTED)


def few_reasons() -> dict[str, str]:
    """Why a type or kind, by the start of its name, has fewer than two checkers."""
    return _yaml(FEW)


def of_types(types: Iterable[str], *, evaluated: frozenset[str]) -> list[Check]:
    """The checks of resource types.

    Args:
        types: those in our templates.
        evaluated: those whose policies an IAM evaluator has read.
    """
    rules, nag, moto, checkov = (recorded()[name] for name in ("aws-cdk-lib", "cdk-nag", "moto", "checkov"))
    return [
        Check(
            "cfn-lint",
            "every property is checked against the schema that AWS publishes for the type "
            "(`test_cfn_lint_accepts_every_template`)",
            _with_schema(types),
            source=_SCHEMAS,
        ),
        Check(
            "CDK's rules",
            f"CloudFormation Validate of aws-cdk-lib {rules['version']}: another engine over the same schemas, with rules of "
            "its own, so both count as one (`test_nothing_is_found_that_is_not_acknowledged`)",
            frozenset(rules["types"]),
            source=_SCHEMAS,
        ),
        *(
            Check(pack, f"at least one rule of cdk-nag {nag['version']} looks at the type ({where})", frozenset(seen))
            for (pack, seen), where in zip(
                nag["types"].items(),
                (
                    "`test_nothing_is_found_that_is_not_acknowledged`",
                    "`test_every_finding_on_production_has_a_decision`",
                ),
                strict=True,
            )
        ),
        Check(
            "emulator",
            "MiniStack has a handler for the type; [emulator.md](emulator.md) lists what `make up` leaves out "
            "all the same",
            known_types(),
        ),
        Check("moto", f"moto {moto['version']}, a second emulator, has a model of the type", frozenset(moto["types"])),
        Check("IAM evaluator", "its policy documents are evaluated against the calls that are really made", evaluated),
        Check(
            "checkov",
            f"checkov {checkov['version']} scans it (`make evidence`); each finding is fixed or answered in "
            "`tests/evidence/accepted.yaml`",
            frozenset(checkov["types"]),
        ),
    ]


def of_kinds(objects: Iterable[dict[str, Any]], version: str) -> list[Check]:
    """The checks of Kubernetes objects.

    Args:
        objects: ours, any number of each kind.
        version: of Kubernetes, such as "1.36".
    """
    tried, checkov = _yaml(TRIED), recorded()["checkov"]
    return [
        Check(
            "schema",
            "kubernetes-validate checks every object strictly against the schema of its Kubernetes version "
            "(`test_every_object_passes_the_strict_schema_of_the_clusters_version`)",
            _with_kubernetes_schema(objects, version),
        ),
        Check("API server", f"{tried['server']}; tried by hand, {tried['date']}", frozenset(tried["kinds"])),
        Check("checkov", f"checkov {checkov['version']} scans it (`make evidence`)", frozenset(checkov["kinds"])),
    ]


def _with_schema(types: Iterable[str]) -> frozenset[str]:
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    known = PROVIDER_SCHEMA_MANAGER.get_resource_types("us-east-1")
    return frozenset(name for name in types if name in known and not name.startswith("Custom::"))


def _with_kubernetes_schema(objects: Iterable[dict[str, Any]], version: str) -> frozenset[str]:
    """Kinds that Kubernetes itself serves; the schemas of custom resources are not in the package."""
    import kubernetes_validate

    seen = set()
    for item in {item["kind"]: item for item in objects}.values():
        with suppress(kubernetes_validate.SchemaNotFoundError):
            kubernetes_validate.validate(item, version, strict=True)
            seen.add(item["kind"])
    return frozenset(seen)
