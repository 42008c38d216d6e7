"""The charms use all permissions that the reference lists, and no others."""

from tests.faults.changing_charm import ChangingCharm
from tests.faults.roles import ROLES, role
from tests.faults.worlds import WORLDS
from tests.support.faulty_server import Permission

# For several control planes; here is one.
WHICH_IS_REGISTERED = Permission("admissionregistration.k8s.io", "validatingwebhookconfigurations", "list")
# A coordinator deletes the ConfigMap of a revision that recorded the labels of the mesh apart. Here it labels
# its pods only together with their CPU and memory, for which they restart.
NOT_USED_HERE = {
    "istio-beacon-k8s": {WHICH_IS_REGISTERED},
    "coordinator": {
        WHICH_IS_REGISTERED,
        Permission("", "configmaps", "delete"),
        Permission("", "pods", "patch"),
        Permission("apps", "controllerrevisions", "get"),
    },
}


def test_charm_uses_just_what_its_role_grants(changing: ChangingCharm):
    for _ in range(3):
        changing.change_state()
        changing.check_recovered()
    changing.allow_losses()
    changing.hook()
    changing.world.act(changing.variant)
    changing.end()
    granted = role(changing.world.role)
    assert changing.faulty.permissions <= granted
    assert granted - changing.faulty.permissions <= NOT_USED_HERE.get(changing.world.role, set())


def test_charm_without_permission_names_the_command(changing: ChangingCharm):
    everything = role(changing.world.role)
    for missing in sorted(everything):
        changing.change_state()
        changing.faulty.granted = everything - {missing}
        state = changing.hook()
        changing.faulty.granted = everything
        changing.check_reported(state)
        if not changing.is_as_desired:
            assert f"juju trust {changing.world.app} --scope=cluster" in state.unit_status.message
        changing.check_recovered()


def test_each_role_is_of_charm_that_is_tested():
    assert {file.stem for file in ROLES.glob("*.yaml")} == {world.role for world in WORLDS}
