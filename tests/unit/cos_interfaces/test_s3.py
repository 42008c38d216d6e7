import json

import ops
import pydantic
import pytest
from ops import testing

import relation_data
from cos_interfaces import s3
from cos_interfaces.s3 import S3ConnectionInfo, S3NotFoundError
from tests.support.certificates import certificate_and_key
from tests.support.juju_tools import refuse_tools

CERTIFICATE = certificate_and_key()[0].decode()
OF_NOTHING = "-----BEGIN CERTIFICATE-----\nhush\n-----END CERTIFICATE-----"
KEYS = {"access-key": "AKIA", "secret-key": "hush"}
BUCKET = {"bucket": "b", "endpoint": "https://s3.example:9000"}


INFO = S3ConnectionInfo.model_validate({**BUCKET, **KEYS})


def store(sent: dict[str, str] | None = None, **kwargs) -> testing.Relation:
    return testing.Relation("s3", remote_app_name="minio", remote_app_data=sent or {}, **kwargs)


def connect(charm: ops.CharmBase, relation_name: str = "s3") -> S3ConnectionInfo | str:
    try:
        return s3.connection(charm, relation_name=relation_name)
    except S3NotFoundError as missing:
        return str(missing)


def test_a_bucket_is_read_key_by_key(act):
    chain = [CERTIFICATE, CERTIFICATE]
    sent = {**BUCKET, **KEYS, "region": "eu", "tls-ca-chain": json.dumps(chain), "data": "{}"}
    info = act(connect, store(sent)).result
    assert (info.endpoint, info.bucket, info.region) == ("https://s3.example:9000", "b", "eu")
    assert (info.access_key, info.secret_key) == ("AKIA", "hush")
    assert info.tls_ca_chain == chain
    assert info.ca_cert == "\n\n".join(chain)


def test_optional_fields_are_none(act):
    info = act(connect, store({**BUCKET, **KEYS})).result
    assert (info.region, info.tls_ca_chain, info.ca_cert) == (None, None, None)


def test_empty_fields_are_none(act):
    info = act(connect, store({**BUCKET, **KEYS, "region": "", "tls-ca-chain": ""})).result
    assert (info.region, info.tls_ca_chain) == (None, None)


def test_fields_that_a_store_has_not_are_not_sent(act):
    relation = store()
    sent = act(lambda charm: s3.offer(charm, INFO), relation).relation(relation).local_app_data
    assert sent == {**BUCKET, **KEYS}


def test_keys_may_come_in_a_secret(act):
    secret = testing.Secret(KEYS, owner=None)
    info = act(connect, store({**BUCKET, "secret-extra": secret.id}), secrets=[secret]).result
    assert (info.access_key, info.secret_key) == ("AKIA", "hush")


def test_a_secret_that_was_changed_is_read_as_it_is_now(act):
    secret = testing.Secret({"access-key": "old", "secret-key": "old"}, latest_content=KEYS, owner=None)
    info = act(connect, store({**BUCKET, "secret-extra": secret.id}), secrets=[secret]).result
    assert info.access_key == "AKIA"


@pytest.mark.parametrize("secret_id", ["secret:cvq1p2q3r4s5t6u7v8w0", "http://evil.test/push?token=hush"])
def test_secret_without_grant_is_named(act, secret_id: str):
    result = act(connect, store({**BUCKET, "secret-extra": secret_id})).result
    assert "secret" in result
    assert secret_id not in result


@pytest.mark.parametrize(
    ("sent", "what"),
    [
        ({}, "has not sent the bucket's connection details yet"),
        (BUCKET, "access-key"),
        ({**KEYS, "bucket": "b"}, "endpoint"),
        ({**BUCKET, **KEYS, "endpoint": "http://a b"}, "endpoint"),
        ({**BUCKET, **KEYS, "endpoint": "s3.example\nkey: value"}, "endpoint"),
        ({**BUCKET, **KEYS, "tls-ca-chain": "PEM"}, "tls-ca-chain"),
        ({**BUCKET, **KEYS, "tls-ca-chain": '{"a": 1}'}, "tls-ca-chain"),
        ({**BUCKET, **KEYS, "tls-ca-chain": '[""]'}, "tls-ca-chain: entry 0 is not a certificate in PEM"),
        ({**BUCKET, **KEYS, "tls-ca-chain": json.dumps([CERTIFICATE, "é"])}, "tls-ca-chain: entry 1"),
        ({**BUCKET, **KEYS, "tls-ca-chain": json.dumps([OF_NOTHING])}, "tls-ca-chain: entry 0"),
    ],
)
def test_a_store_that_can_not_be_used_is_named_with_the_reason(act, sent, what):
    outcome = act(connect, store(sent))
    assert "minio" in outcome.result
    assert what in outcome.result
    assert "hush" not in outcome.result + "".join(outcome.log)


def test_missing_store_is_named(act):
    assert act(lambda charm: connect(charm, "none")).result == "no object store is related"


def test_keys_do_not_show_when_a_connection_is_printed():
    info = S3ConnectionInfo.model_validate({**BUCKET, **KEYS})
    assert "hush" not in repr(info)
    assert "AKIA" not in str(info)


@pytest.mark.parametrize("secret_id", ["--help", "secret:", f"{'a' * 20}\n", f"secret:{'a' * 20} --all"])
def test_invalid_secret_id_is_not_requested(act, monkeypatch: pytest.MonkeyPatch, secret_id: str):
    looked_up: list[object] = []
    monkeypatch.setattr(ops.Model, "get_secret", lambda *_, **named: looked_up.append(named))
    with pytest.raises(Exception, match="cannot read the secret"):
        act(s3.connection, store({**BUCKET, "secret-extra": secret_id}))
    assert looked_up == []


def test_leader_requests_a_bucket(act):
    relation = store()
    sent = act(s3.request, relation).relation(relation).local_app_data
    assert sent == {"bucket": f"relation-{relation.id}"}
    assert (
        act(lambda charm: s3.request(charm, "mine"), relation).relation(relation).local_app_data["bucket"]
        == "mine"
    )
    assert act(s3.request, relation, leader=False).written == []


@pytest.mark.parametrize("in_secret", [False, True])
def test_what_a_store_offers_is_what_its_client_reads(act, in_secret):
    info = S3ConnectionInfo.model_validate({**BUCKET, **KEYS, "tls-ca-chain": [CERTIFICATE]})
    relation = store()

    def offer(charm):
        s3.offer(charm, info, in_secret=in_secret)

    once = act(offer, relation)
    sent = dict(once.relation(relation).local_app_data)
    assert ("secret-key" in sent) is not in_secret
    secrets = [
        testing.Secret(secret.latest_content, id=secret.id, owner=None) for secret in once.state.secrets
    ]
    assert act(connect, store(sent), secrets=secrets).result == info

    again = act(offer, once.relation(relation), secrets=once.state.secrets)
    assert again.written == []
    assert len(again.state.secrets) == (1 if in_secret else 0)


def test_keys_are_plain_text_by_default(act):
    relation = store()
    sent = act(lambda charm: s3.offer(charm, INFO), relation).relation(relation).local_app_data
    assert KEYS.items() <= sent.items()


def test_new_keys_are_a_new_revision_of_the_secret(act):
    relation = store()
    once = act(lambda charm: s3.offer(charm, INFO, in_secret=True), relation)
    [secret] = once.state.secrets
    assert list(secret.remote_grants) == [relation.id]
    new = INFO.model_copy(update={"secret_key": "new"})
    again = act(
        lambda charm: s3.offer(charm, new, in_secret=True),
        once.relation(relation),
        secrets=once.state.secrets,
    )
    [changed] = again.state.secrets
    assert (changed.id, changed.latest_content) == (secret.id, {**KEYS, "secret-key": "new"})


def test_a_secret_that_juju_does_not_grant_is_not_published(act, monkeypatch: pytest.MonkeyPatch):
    def grant(*_: object) -> None:
        raise ops.ModelError("relation not found")

    monkeypatch.setattr(ops.Secret, "grant", grant)
    relation = store()
    outcome = act(lambda charm: s3.offer(charm, INFO, in_secret=True), relation)
    assert "secret-extra" not in outcome.relation(relation).local_app_data
    assert outcome.log == [f"s3:{relation.id}: secret not shared: relation not found"]


@pytest.mark.parametrize("tool", ["secret_get", "secret_info_get", "secret_set"])
def test_a_secret_stays_published_while_jujus_secrets_are_down(
    act, tool: str, monkeypatch: pytest.MonkeyPatch
):
    relation = store()
    once = act(lambda charm: s3.offer(charm, INFO, in_secret=True), relation)
    published = once.relation(relation).local_app_data["secret-extra"]
    refuse_tools(monkeypatch, tool)
    changed = INFO.model_copy(update={"secret_key": "new"})
    again = act(
        lambda charm: s3.offer(charm, changed, in_secret=True),
        once.relation(relation),
        secrets=once.state.secrets,
    )
    assert again.relation(relation).local_app_data["secret-extra"] == published


@pytest.mark.parametrize("call", [s3.request, lambda charm: s3.offer(charm, INFO)])
def test_only_the_leader_writes(act, call):
    outcome = act(call, store(), leader=False)
    assert (outcome.written, outcome.log) == ([], [])


def test_valid_store_is_used_before_an_invalid_one(act):
    broken, working = store(), store({**BUCKET, **KEYS}, id=1000)
    assert act(connect, broken, working).result == INFO


def test_a_databag_that_juju_does_not_give_out(act, monkeypatch: pytest.MonkeyPatch):
    def read(*_: object) -> dict[str, str]:
        raise relation_data.DatabagError("cannot read its databag from Juju")

    monkeypatch.setattr(relation_data, "read", read)
    assert act(connect, store()).result == "minio: cannot read its databag from Juju"


def test_connection_info_takes_field_names_and_is_frozen():
    info = S3ConnectionInfo.model_validate({**BUCKET, "access_key": "AKIA", "secret_key": "hush"})
    assert info == INFO
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        info.bucket = "other"  # type: ignore[misc]  # that is the test
