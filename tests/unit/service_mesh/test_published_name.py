"""The library under the name by which charms fetch it."""

import subprocess
import sys
from pathlib import Path

import lightkube
import pytest

import charmlibs.interfaces.service_mesh
import charms.istio_beacon_k8s.v0.service_mesh as published
import istio_policies

LIB = Path(__file__).parents[3] / "lib"
FOR_OTHER_LIBRARIES = {
    *(
        "CrossModelIdentities",
        "Identities",
        "MESH_LABELS",
        "WAYPOINT_LABELS",
        "check_label",
        "is_mesh_published",
        "is_cross_model_name",
        "mesh_policy",
        "local_name",
        "read_cmr_data",
        "unresolved_name",
    ),
}


def test_one_import_has_all_that_charms_use():
    for name in published.__all__:
        home = istio_policies if name == "PolicyResourceManager" else charmlibs.interfaces.service_mesh
        assert getattr(published, name) is getattr(home, name)


@pytest.mark.parametrize("name", sorted({*charmlibs.interfaces.service_mesh.__all__} - FOR_OTHER_LIBRARIES))
def test_nothing_that_charms_use_is_missing(name: str):
    assert name in published.__all__


def test_library_has_fields_for_publishing():
    assert published.LIBID == "3f40cb7e3569454a92ac2541c5ca0a0c"
    assert published.LIBAPI == 0
    assert published.LIBPATCH > 20
    assert published.PYDEPS


@pytest.mark.parametrize("module", [published.__name__, "charmlibs.interfaces.service_mesh"])
def test_hook_without_kubernetes_imports_no_client(module: str):
    program = f"import sys, {module}; sys.exit('lightkube' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": str(LIB)}).returncode == 0


def test_kinds_are_imported_on_access():
    assert {"istio": {published.AuthorizationPolicy}} == published.POLICY_RESOURCE_TYPES
    assert {"AuthorizationPolicy": published.AuthorizationPolicy} == published.RESOURCE_TYPES


def test_tests_of_charms_patch_lightkubes_client():
    assert published.Client is lightkube.Client
