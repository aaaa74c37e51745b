"""Which names a container can resolve: what its manifest declares, and nothing else."""

import json

import pytest

from ops.local.mesh import Membership, Mesh, from_catalog
from tests.unit.config.project import HTTP, JOB, WORKER, Project, http


@pytest.fixture
def mesh(tmp_path):
    """Gives the mesh of services by their manifests."""

    def of(**manifests):
        project = Project.at(tmp_path)
        for name, manifest in manifests.items():
            project.service(name, manifest)
        return from_catalog(project.catalog())

    return of


def test_a_service_serves_its_own_name_and_calls_what_it_declares(mesh):
    found = mesh(
        tracking=HTTP, quotes=http("/quotes", calls=["tracking"]), mailer={**WORKER, "calls": ["quotes"]}, nightly=JOB
    )
    assert found.members == {
        "tracking": Membership(("tracking",), ()),
        "quotes": Membership(("quotes",), ("tracking",)),
        "mailer": Membership((), ("quotes",)),
        "nightly": Membership((), ()),
    }
    assert found.called() == {"tracking", "quotes"}


def test_an_address_among_the_variables_opens_nothing(mesh):
    variables = {"DOCS": "http://tracking:8080/docs"}
    found = mesh(tracking=HTTP, quotes=http("/quotes", environment=variables))
    assert found.of("quotes").calls == ()
    assert found.called() == set()


def test_a_service_that_is_not_on_ecs_has_no_place(mesh):
    assert mesh(tracking=http("/tracking", platforms=["eks"])).members == {}


def test_the_grace_period_is_the_services(mesh):
    found = mesh(slow=http("/slow", health_grace=120), nightly=JOB)
    assert (found.of("slow").grace, found.of("nightly").grace) == (120, 60)


def test_a_mesh_comes_back_from_its_file(tmp_path):
    mesh = Mesh({"quotes": Membership(("quotes",), ("tracking",), 7)})
    mesh.save(tmp_path / "mesh.json")
    assert Mesh.load(tmp_path / "mesh.json") == mesh


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"a": {"serves": 1}}', json.dumps({"a": {}})])
def test_a_damaged_mesh_file_is_an_empty_mesh(tmp_path, content):
    (tmp_path / "mesh.json").write_text(content)
    assert Mesh.load(tmp_path / "mesh.json") == Mesh()
    assert Mesh.load(tmp_path / "none.json").of("x") == Membership()
