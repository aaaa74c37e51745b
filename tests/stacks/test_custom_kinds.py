"""Custom objects have the form that their API servers check, with the ids that AWS gives and with a local run's stand-ins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ops.assembly import Assembly
from ops.local.kubernetes import objects
from ops.local.kubernetes.validation import CUSTOM_GROUPS
from ops.references import Known

KINDS: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("custom_kinds.yaml").read_text("utf-8"))
KNOWN = Known({}, "localhost:4566", "000000000000", "us-east-1")


def custom_objects(assembly):
    found = [o for stack in Assembly(assembly.directory).stacks for o in objects.of_stack(stack, KNOWN)]
    return [entry for entry in found if entry["apiVersion"].startswith(CUSTOM_GROUPS)]


def test_every_custom_object_has_the_form_that_its_definition_asks_for(assembly):
    found = custom_objects(assembly)
    assert found
    for entry in found:
        definition = KINDS[entry["kind"]]
        assert entry["apiVersion"] == definition["version"]
        jsonschema.validate(entry["spec"], definition["spec"], jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        (
            "NodeClass",
            {"role": "r", "subnetSelectorTerms": [{"id": "stand-in"}], "securityGroupSelectorTerms": [{"id": "sg-1"}]},
        ),
        ("NodePool", {"template": {"spec": {"nodeClassRef": {}, "requirements": []}}}),
        ("IngressClassParams", {"scheme": "public"}),
        (
            "SecretProviderClass",
            {"provider": "aws", "secretObjects": [{"secretName": "a", "type": "Opaque", "data": []}]},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_definitions_refuse_what_an_api_server_would(kind, spec):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(spec, KINDS[kind]["spec"], jsonschema.Draft202012Validator)
