"""A container can resolve the names that its manifest declares, and no others."""

import json

import pytest

from config.catalog import Catalog
from config.fields.network import Protocol
from config.settings import Platform
from ops.local.mesh import Membership, Mesh, from_catalog
from tests.fakes.specs import http, inner, job, worker


def mesh(*specs):
    return from_catalog(Catalog(specs))


def test_a_service_serves_its_own_name_and_calls_what_it_declares():
    found = mesh(http("tracking"), http("quotes", calls=("tracking",)), worker(calls=("quotes",)), job())
    assert found.members == {
        "tracking": Membership(("tracking",), ()),
        "quotes": Membership(("quotes",), ("tracking",)),
        "mailer": Membership((), ("quotes",)),
        "hello": Membership((), ()),
    }
    assert found.called() == {"tracking", "quotes"}


def test_an_address_among_the_variables_opens_nothing():
    found = mesh(http("tracking"), http("quotes", environment={"DOCS": "http://tracking:8080/docs"}))
    assert found.of("quotes").calls == ()
    assert found.called() == set()


def test_a_service_that_is_not_on_ecs_is_not_in_the_mesh():
    assert mesh(http(platforms=(Platform.EKS,))).members == {}


def test_the_grace_period_is_the_services():
    found = mesh(http("slow", health_grace=120), job())
    assert (found.of("slow").grace, found.of("hello").grace) == (120, 60)


@pytest.mark.parametrize(
    ("spec", "port", "health"),
    [
        (http("web"), 0, ""),
        (inner(), 8080, "/healthz"),
        (inner(health=None, protocol=Protocol.TCP), 8080, ""),
        (inner(health=None, protocol=Protocol.GRPC), 8080, ""),
        (inner(health=None, protocol=Protocol.GRPC, path="/grpc"), 8080, ""),
        (worker("web"), 0, ""),
    ],
)
def test_a_service_whose_health_no_target_group_can_check_here_says_how(spec, port, health):
    member = mesh(spec).of(spec.name)
    assert (member.port, member.health) == (port, health)


def test_a_mesh_comes_back_from_its_file(tmp_path):
    mesh = Mesh({"quotes": Membership(("quotes",), ("tracking",), 7, 8080, "/healthz")})
    mesh.save(tmp_path / "mesh.json")
    assert Mesh.load(tmp_path / "mesh.json") == mesh


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"a": {"serves": 1}}', json.dumps({"a": {}})])
def test_a_damaged_mesh_file_is_an_empty_mesh(tmp_path, content):
    (tmp_path / "mesh.json").write_text(content)
    assert Mesh.load(tmp_path / "mesh.json") == Mesh()
    assert Mesh.load(tmp_path / "none.json").of("x") == Membership()
