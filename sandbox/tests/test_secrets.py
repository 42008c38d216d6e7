"""Juju secrets: revisions that units read, and events that they get."""

import pytest

from sandbox.juju import Controller, Model
from sandbox.tests.small_charms import WriteCharm, events, words

SITE = {"site": {"interface": "http"}}

OWNER = """
class Charm(Recorder):
    def on_event(self, event):
        relation = self.model.get_relation("site")
        if isinstance(event, ops.RelationCreatedEvent) and self.unit.is_leader():
            secret = self.app.add_secret({"password": "one"}, label="mine")
            secret.grant(relation)
            relation.data[self.app]["secret"] = secret.id
        if isinstance(event, ops.ConfigChangedEvent) and self.config["password"] != "one":
            self.model.get_secret(label="mine").set_content({"password": self.config["password"]})
        if isinstance(event, ops.SecretRemoveEvent):
            self.add_word(f"removed-{event.revision}")
            event.remove_revision()
        if isinstance(event, ops.SecretRotateEvent):
            self.add_word(f"rotate-{event.secret.get_info().revision}")
        if isinstance(event, ops.UpdateStatusEvent):
            self.model.get_secret(label="mine").remove_all_revisions()
"""

READER = """
class Charm(Recorder):
    def on_event(self, event):
        if isinstance(event, ops.RelationChangedEvent) and event.unit is None:
            secret = self.model.get_secret(id=event.relation.data[event.app]["secret"], label="theirs")
            self.add_word(secret.get_content()["password"])
        if isinstance(event, ops.SecretChangedEvent):
            old = event.secret.get_content()["password"]
            seen = event.secret.peek_content()["password"]
            new = event.secret.get_content(refresh=True)["password"]
            self.add_word(f"{event.secret.label}:{old}-{seen}-{new}")
        if isinstance(event, ops.UpdateStatusEvent):
            try:
                self.add_word(self.model.get_secret(label="theirs").get_content()["password"])
            except ops.SecretNotFoundError:
                self.add_word("gone")
"""


@pytest.fixture
def related(model: Model, write_charm: WriteCharm) -> Model:
    """`owner` has granted `reader` a secret."""
    options = {"password": {"type": "string", "default": "one"}}
    model.deploy(write_charm("owner", OWNER, provides=SITE, config={"options": options}))
    model.deploy(write_charm("reader", READER, requires=SITE))
    model.integrate("owner", "reader")
    model.settle()
    return model


def test_a_granted_secret_is_read(related: Model) -> None:
    assert words(related.unit("reader/0")) == ["one"]


def test_a_new_revision_is_reported_and_read_once_refreshed(related: Model) -> None:
    related.config("owner", {"password": "two"})
    related.settle()
    assert words(related.unit("reader/0")) == ["one", "theirs:one-two-two"]
    assert events(related.unit("reader/0")).count("secret-changed") == 1
    assert "secret-changed" not in events(related.unit("owner/0"))


def test_untracked_revision_is_reported_to_owner(related: Model, juju: Controller) -> None:
    related.config("owner", {"password": "two"})
    related.settle()
    assert words(related.unit("owner/0")) == ["removed-1"]
    (secret,) = juju.secrets
    assert secret.revisions == {2: {"password": "two"}}


def test_secret_is_there_until_its_owner_removes_it(related: Model, juju: Controller) -> None:
    related.update_status("reader")
    related.settle()
    related.update_status("owner")
    related.settle()
    related.update_status("reader")
    related.settle()
    assert words(related.unit("reader/0")) == ["one", "one", "gone"]
    assert juju.secrets == []


def test_grant_ends_with_its_relation(related: Model, juju: Controller) -> None:
    related.remove_relation("owner", "reader")
    related.settle()
    related.update_status("reader")
    related.settle()
    assert words(related.unit("reader/0"))[-1] == "gone"
    assert len(juju.secrets) == 1


def test_secrets_go_with_application_that_owns_them(related: Model, juju: Controller) -> None:
    related.remove_application("owner")
    related.settle()
    assert juju.secrets == []


def test_secrets_survive_scaling_to_zero(related: Model, juju: Controller) -> None:
    related.scale("owner", 0)
    related.settle()
    assert len(juju.secrets) == 1


def test_owner_is_notified_to_rotate(related: Model, juju: Controller) -> None:
    (secret,) = juju.secrets
    related.rotate_secret(secret.id)
    related.settle()
    assert words(related.unit("owner/0")) == ["rotate-1"]


def test_secret_is_readable_by_its_grantee_only(
    related: Model, juju: Controller, write_charm: WriteCharm
) -> None:
    (secret,) = juju.secrets
    other = """
        class Charm(Recorder):
            def on_event(self, event):
                try:
                    self.model.get_secret(id=self.config["id"])
                except ops.SecretNotFoundError:
                    self.add_word("none")
    """
    options = {"id": {"type": "string"}}
    charm = write_charm("other", other, config={"options": options})
    related.deploy(charm, config={"id": secret.id})
    related.settle()
    assert set(words(related.unit("other/0"))) == {"none"}


def test_owner_units_read_leader_writes(model: Model, write_charm: WriteCharm) -> None:
    source = """
        class Charm(Recorder):
            def on_event(self, event):
                if isinstance(event, ops.LeaderElectedEvent):
                    self.app.add_secret({"password": "one"}, label="mine")
                if isinstance(event, ops.StartEvent):
                    secret = self.model.get_secret(label="mine")
                    self.add_word(secret.get_content()["password"])
                    try:
                        secret.set_content({"password": self.unit.name})
                    except ops.ModelError:
                        self.add_word("denied")
    """
    model.deploy(write_charm("web", source), units=2)
    model.settle()
    assert words(model.unit("web/0")) == ["one"]
    assert words(model.unit("web/1"))[-1] == "denied"
