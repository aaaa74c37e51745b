"""`python -m ops nat-image` pins the NAT instance's machine image, and moves the pin."""

import pytest

from config.settings import load_settings
from ops.errors import OpsError
from ops.nat_image import PARAMETER, pin
from tests.conftest import ROOT

OLD, NEW = "ami-0123456789abcdef0", "ami-0fedcba9876543210"
FILE = "config/environments/sandbox.yaml"


class Ssm:
    def get_parameter(self, *, Name):  # noqa: N803 - boto3's spelling
        assert Name == PARAMETER
        return {"Parameter": {"Value": NEW}}


@pytest.fixture
def root(tmp_path):
    (tmp_path / "config/environments").mkdir(parents=True)
    text = (ROOT / FILE).read_text("utf-8").replace("# account:", "# region pinned\nregion: eu-west-1\n# account:", 1)
    (tmp_path / FILE).write_text(text, "utf-8")
    return tmp_path


def written(root):
    return (root / FILE).read_text("utf-8")


def test_the_commented_line_becomes_the_pin_and_nothing_else_changes(root):
    before = written(root)
    said = pin(root, load_settings(root, "sandbox", {}), Ssm())
    assert said == f"{FILE}: nat_image: {NEW} (was not pinned); the next deployment replaces the instance"
    assert load_settings(root, "sandbox", {}).nat_image == NEW
    assert written(root) == before.replace(f"# nat_image: {OLD}\n", f"nat_image: {NEW}\n")


def test_a_pin_is_moved(root):
    (root / FILE).write_text(written(root).replace(f"# nat_image: {OLD}", f"nat_image: {OLD}"), "utf-8")
    assert f"(was {OLD})" in pin(root, load_settings(root, "sandbox", {}), Ssm())
    assert written(root).count("nat_image:") == 1


def test_a_file_without_the_line_gets_it_below_egress(root):
    (root / FILE).write_text(written(root).replace(f"# nat_image: {OLD}\n", ""), "utf-8")
    pin(root, load_settings(root, "sandbox", {}), Ssm())
    assert f"\negress: nat-instance\nnat_image: {NEW}\n" in written(root)


def test_the_newest_image_is_left_alone(root):
    pin(root, load_settings(root, "sandbox", {}), Ssm())
    before = written(root)
    assert pin(root, load_settings(root, "sandbox", {}), Ssm()) == f"{FILE}: nat_image: {NEW} is the newest"
    assert written(root) == before


@pytest.mark.parametrize(
    ("environment", "overrides", "message"),
    [
        ("production", {}, "production.yaml: egress: is nat-per-zone, which has no machine image"),
        ("sandbox", {}, "sandbox.yaml: region: is missing, and an image belongs to one region; write it first"),
    ],
)
def test_an_environment_that_cannot_have_a_pin_is_told_why(environment, overrides, message):
    with pytest.raises(OpsError) as caught:
        pin(ROOT, load_settings(ROOT, environment, overrides), Ssm())
    assert caught.value.message.endswith(message)
    assert caught.value.exit_code == 2


def test_a_file_without_a_line_to_change_is_refused_and_left_alone(root):
    settings = load_settings(root, "sandbox", {})
    text = "\n".join(line for line in written(root).splitlines() if "nat_image:" not in line)
    (root / FILE).write_text(text.replace("egress:", '"egress":'), "utf-8")
    before = written(root)
    with pytest.raises(OpsError, match=f"{FILE}: nat_image: has no line that could be changed; write nat_image: {NEW}"):
        pin(root, settings, Ssm())
    assert written(root) == before
