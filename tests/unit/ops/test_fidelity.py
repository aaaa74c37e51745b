"""docs/emulator.md says what the installed emulator leaves out of today's templates."""

import pytest

from ops.errors import OpsError
from ops.local import fidelity, report
from ops.local.filter import Dropped, filter_stacks, known_types, read_stacks


def test_the_fidelity_table_is_current(sandbox, root):
    document = (root / fidelity.DOCUMENT).read_text()
    assert fidelity.replaced(document, fidelity.current(sandbox.directory)) == document, "run: python -m ops fidelity"


def test_every_gap_of_every_environment_has_its_consequence(environment):
    kinds = {entry.type for entry in filter_stacks(read_stacks(environment.directory), known_types())}
    assert [kind for kind in sorted(kinds) if report.consequence(kind) == report.UNKNOWN_CONSEQUENCE] == []


def test_a_service_more_does_not_change_the_table():
    one = [Dropped("Ecs-web", "AWS::EC2::Instance", "A")]
    two = [*one, Dropped("Ecs-other", "AWS::EC2::Instance", "A")]
    assert report.fidelity_markdown(one) == report.fidelity_markdown(two)


def test_a_document_without_its_markers_is_refused():
    with pytest.raises(OpsError, match="are missing"):
        fidelity.replaced("no markers", "x")


def test_a_hash_is_short_and_a_table_is_aligned():
    image = f"localhost:1/app/web:ecs-{'0123456789ab' + 'f' * 52}"
    lines = report.outcome_lines([report.Outcome("web", "ecs", "1 of 1 running", "http://x", image, ("c",))])
    assert lines[0].index("ON") == lines[1].index("ecs")
    assert lines[-1].endswith("localhost:1/app/web:ecs-0123456789ab")
