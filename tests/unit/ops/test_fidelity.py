"""docs/emulator.md lists what the installed emulator leaves out of the current templates."""

from config import documents
from ops.assembly import Assembly
from ops.local import fidelity, report
from ops.local.filter import Dropped, filter_stacks, known_types


def test_the_fidelity_table_is_current(sandbox, root):
    document = (root / fidelity.DOCUMENT).read_text()
    tables = fidelity.current(Assembly(sandbox.directory))
    assert documents.updated(document, {fidelity.PART: tables}, fidelity.DOCUMENT) == document, "run: make docs"


def test_every_gap_of_every_environment_has_its_consequence(environment):
    kinds = {entry.type for entry in filter_stacks(Assembly(environment.directory).stacks, known_types())}
    assert [kind for kind in sorted(kinds) if report.consequence(kind) == report.UNKNOWN_CONSEQUENCE] == []


def test_another_service_does_not_change_the_table():
    one = [Dropped("Ecs-web", "AWS::EC2::Instance", "A")]
    two = [*one, Dropped("Ecs-other", "AWS::EC2::Instance", "A")]
    assert report.fidelity_markdown(one) == report.fidelity_markdown(two)
