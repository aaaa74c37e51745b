"""The base image has one name everywhere, and carries what a build behind a proxy needs."""

from ops.local import base_image


def test_pip_settings_keep_addresses_and_leave_out_this_machines_paths():
    environ = {
        "PIP_INDEX_URL": "https://mirror.example/simple",
        "PIP_EXTRA_INDEX_URL": "file:///opt/x https://more.example/simple",
        "PIP_FIND_LINKS": "/opt/wheels",
        "PIP_DEFAULT_TIMEOUT": "180",
        "PIPX_HOME": "/x",
    }
    assert base_image.pip_settings(environ, has_bundle=True) == (
        "[global]\ndefault-timeout = 180\nextra-index-url = https://more.example/simple\n"
        "index-url = https://mirror.example/simple\ncert = /etc/ssl/certs/ca-certificates.crt\n"
    )
    assert base_image.pip_settings({}, has_bundle=False) == "[global]\n"


def test_the_base_image_has_the_name_that_the_dockerfiles_start_from(root):
    for dockerfile in (root / "services").glob("*/Dockerfile"):
        text = dockerfile.read_text()
        assert f"ARG BASE_REGISTRY={base_image.DEFAULT_REGISTRY}" in text
        assert "FROM ${BASE_REGISTRY}/" + base_image.name().rpartition("/")[2] in text
