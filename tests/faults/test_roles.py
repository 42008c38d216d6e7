"""The charms use all permissions that the reference lists, and no others."""

from tests.faults.changing_charm import Swing
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


def test_charm_uses_just_what_its_role_grants(swing: Swing):
    for _ in range(3):
        swing.turn()
        swing.check_healed()
    swing.must_stay_no_more()
    swing.hook()
    swing.world.act(swing.variant)
    swing.end()
    granted = role(swing.world.role)
    assert swing.faulty.permissions <= granted
    assert granted - swing.faulty.permissions <= NOT_USED_HERE.get(swing.world.role, set())


def test_charm_without_permission_names_the_command(swing: Swing):
    everything = role(swing.world.role)
    for missing in sorted(everything):
        swing.turn()
        swing.faulty.granted = everything - {missing}
        state = swing.hook()
        swing.faulty.granted = everything
        swing.check_reported(state)
        if not swing.is_right:
            assert f"juju trust {swing.world.app} --scope=cluster" in state.unit_status.message
        swing.check_healed()


def test_each_role_is_of_charm_that_is_tested():
    assert {file.stem for file in ROLES.glob("*.yaml")} == {world.role for world in WORLDS}
