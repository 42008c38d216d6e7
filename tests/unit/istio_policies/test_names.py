"""The names of AuthorizationPolicies."""

import re
from collections import defaultdict

import hypothesis
from hypothesis import strategies as st

from charmlibs.interfaces.service_mesh import Endpoint, MeshPolicy, PolicyTargetType
from istio_policies import DesiredPolicies, PolicyRequestFrom, authorization_policies
from k8s_charm import Owner, manifest
from tests.support.policies import policy

MESH_BEACON = Owner(app="beacon", model="mesh")
SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


def names(*policies: MeshPolicy, owner: Owner = MESH_BEACON) -> list[str]:
    made = authorization_policies(DesiredPolicies(map(PolicyRequestFrom, policies)), owner=owner)
    return [manifest(each)["metadata"]["name"] for each in made]


def test_name_has_owner_target_and_source():
    assert names(policy()) == ["mesh.beacon.shop.app.from.s.cart"]
    assert names(policy(target_type=PolicyTargetType.unit)) == ["mesh.beacon.shop.unit.from.s.cart"]


def test_name_does_not_hang_on_what_is_allowed():
    assert names(policy(80)) == names(policy())


def test_policies_of_one_target_and_source_are_numbered():
    several = [policy(port) for port in (1, 2, 3)]
    assert names(*several) == [
        "mesh.beacon.shop.app.from.s.cart",
        "mesh.beacon.shop.app.from.s.cart.2",
        "mesh.beacon.shop.app.from.s.cart.3",
    ]


def test_numbered_object_edited_by_hand_is_overwritten():
    desired = DesiredPolicies([PolicyRequestFrom(policy(80))])
    (edited,) = map(manifest, authorization_policies(desired, owner=MESH_BEACON))
    edited["metadata"]["name"] += ".2"
    edited["spec"]["rules"] = [{}]
    (after,) = authorization_policies(desired, [edited], owner=MESH_BEACON)
    assert manifest(after)["metadata"]["name"] == "mesh.beacon.shop.app.from.s.cart.2"


def test_labels_are_in_the_name_by_hash():
    (name,) = names(
        policy(
            target_type=PolicyTargetType.unit, target_app_name=None, target_selector_labels={"role": "till"}
        )
    )
    assert re.fullmatch(r"mesh\.beacon\.till\.unit\.from\.s\.cart\.x[0-9a-f]{12}", name)


def test_long_names_are_cut_so_that_people_can_read_them():
    (name,) = names(policy(source_app_name="c" * 63, source_namespace="n" * 63, target_app_name="t" * 63))
    assert len(name) <= 128
    assert name.startswith("mesh.beacon.tttt")


def test_longest_name_is_not_cut():
    longest = policy(target_app_name="t" * 40, source_namespace="n" * 40, source_app_name="c" * 25)
    (name,) = names(longest)
    assert len(name) == 128
    assert name.endswith("c" * 25)
    (cut,) = names(longest.model_copy(update={"source_app_name": "c" * 26}))
    assert len(cut) < 128


def test_long_names_with_the_same_beginning_differ():
    long = "n" * 40
    several = names(
        *(policy(source_app_name=f"{long}{end}", source_namespace=long * 2) for end in "ab"),
        *(policy(source_app_name=long, source_namespace=f"{long * 2}{end}") for end in "ab"),
        *(policy(source_app_name=long * 3, target_app_name=f"{long}{end}") for end in "ab"),
    )
    assert len(set(several)) == 6
    assert len({name.rpartition(".x")[2] for name in several}) == 6


def test_invalid_characters_are_replaced_and_names_differ():
    several = names(
        *(policy(source_app_name=name) for name in ("Cart", "cart", "ca.rt", "ca_rt", "-", "日本"))
    )
    assert len(set(several)) == 6
    assert all(SUBDOMAIN.fullmatch(name) for name in several)


def test_owners_with_hyphens_have_different_names():
    assert names(policy(), owner=Owner(app="a-b", model="c")) != names(
        policy(), owner=Owner(app="a", model="b-c")
    )


# Line breaks and some control characters are not allowed.
characters = st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Zl", "Zp"])
identity = st.text(characters, min_size=1, max_size=80).filter(
    lambda text: "*" not in text and "/" not in text
)
juju_name = st.from_regex(r"[a-z][a-z0-9]{0,3}(-[a-z0-9]?[a-z]){0,2}(\.?[0-9])?", fullmatch=True)
any_name = juju_name | identity


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
    st.lists(
        st.builds(
            policy,
            source_namespace=any_name,
            source_app_name=any_name,
            target_app_name=any_name,
            target_type=st.sampled_from(PolicyTargetType),
            endpoints=st.lists(
                st.builds(Endpoint, ports=st.lists(st.integers(1, 3), max_size=2)), max_size=1
            ),
        ),
        min_size=2,
        max_size=6,
    ),
    st.lists(st.builds(Owner, app=any_name, model=any_name), min_size=2, max_size=3, unique=True),
)
def test_names_are_unique_and_valid(policies: list[MeshPolicy], owners: list[Owner]):
    meanings: defaultdict[str, set[str]] = defaultdict(set)
    for owner in owners:
        for each in authorization_policies(DesiredPolicies(map(PolicyRequestFrom, policies)), owner=owner):
            plain = manifest(each)
            assert len(plain["metadata"]["name"]) <= 253
            assert SUBDOMAIN.fullmatch(plain["metadata"]["name"])
            meanings[plain["metadata"]["name"]].add(f"{owner} {plain['spec']}")
    assert all(len(meaning) == 1 for meaning in meanings.values())
