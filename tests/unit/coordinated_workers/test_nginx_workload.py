"""nginx and its exporter in their containers."""

import dataclasses
import functools
import pathlib
import socket
import stat
import tempfile

import ops
import pytest
import yaml
from ops import testing

from coordinated_workers.models import TLSConfig
from coordinated_workers.nginx import (
    CA_CERT_PATH,
    CERT_PATH,
    KEY_PATH,
    NGINX_CONFIG,
    PROM_EXPORTER_CERT_PATH,
    Nginx,
    NginxConfig,
    NginxPrometheusExporter,
)
from k8s_charm import Deadline

RELOAD = ("nginx", "-s", "reload")
TRUST = ("update-ca-certificates", "--fresh")
TLS = TLSConfig(server_cert="the certificate", ca_cert="the CA", private_key="the key")
RENEWED = TLSConfig(server_cert="the next certificate", ca_cert="the CA", private_key="the next key")
ACTIVE, INACTIVE = ops.pebble.ServiceStatus.ACTIVE, ops.pebble.ServiceStatus.INACTIVE
LOADED = f"{NGINX_CONFIG}.loaded"
WEB_CONFIG = "/etc/exporter/web-config.yaml"


class Charm(ops.CharmBase):
    """Reconciles the test's desired configuration at each event."""

    config_text = "text"
    tls: TLSConfig | None = None
    options = None
    check = None
    deadline: Deadline | None = None

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.nginx = Nginx(
            self, self.options, liveness_check_endpoint_getter=self.check, deadline=self.deadline
        )
        self.exporter = NginxPrometheusExporter(self, self.options)
        framework.observe(self.on.update_status, self._reconcile)

    def _reconcile(self, _: ops.EventBase):
        self.nginx.reconcile(self.config_text, self.tls)
        self.exporter.reconcile(self.tls)


class World:
    """One unit, from hook to hook."""

    def __init__(self, can_connect: bool = True, **wanted):
        self._charm = type("TheCharm", (Charm,), wanted)
        meta = {"name": "coordinator", "containers": {"nginx": {}, "nginx-prometheus-exporter": {}}}
        self._context = testing.Context(self._charm, meta=meta)
        self._files = tempfile.TemporaryDirectory()
        execs = {testing.Exec(RELOAD), testing.Exec(TRUST)}
        self.nginx = self._container("nginx", can_connect, execs)
        self.exporter = self._container("nginx-prometheus-exporter", can_connect)
        self.problem: str | None = None
        self.ran: list[list[str]] = []

    def hook(self, **wanted) -> "World":
        """Run a hook, and maybe change the desired configuration before it."""
        for name, value in wanted.items():
            setattr(self._charm, name, value)
        self._context.exec_history.clear()
        state = testing.State(containers={self.nginx, self.exporter})
        with self._context(self._context.on.update_status(), state) as manager:
            state = manager.run()
            self.problem = manager.charm.nginx.problem
            self.on_disk = manager.charm.nginx.are_certificates_on_disk
        self.nginx = state.get_container("nginx")
        self.exporter = state.get_container("nginx-prometheus-exporter")
        self.ran = [each.command for each in self._context.exec_history.get("nginx", [])]
        return self

    def fails(self, command: tuple[str, ...], stderr: str) -> None:
        """Have the command succeed from now on."""
        others = {each for each in self.nginx.execs if each.command_prefix != command}
        execs = {*others, testing.Exec(command, return_code=1, stderr=stderr)}
        self.nginx = dataclasses.replace(self.nginx, execs=execs)

    def path(self, path: str) -> pathlib.Path:
        """Return the path on this machine of a container's file."""
        container = self.exporter if path.startswith("/etc/exporter") else self.nginx
        return pathlib.Path(self._files.name, container.name) / path.lstrip("/")

    def read(self, path: str) -> str | None:
        return self.path(path).read_text() if self.path(path).exists() else None

    def times_written(self) -> dict[pathlib.Path, int]:
        """Return the time of each file's last change."""
        files = pathlib.Path(self._files.name).rglob("*")
        return {file: file.stat().st_mtime_ns for file in files if file.is_file()}

    def _container(self, name: str, can_connect: bool, execs=frozenset()) -> testing.Container:
        """A container whose files outlive a hook."""
        mounts = {}
        for folder in ("/etc", "/usr/local/share/ca-certificates"):
            source = pathlib.Path(self._files.name, name) / folder.lstrip("/")
            source.mkdir(parents=True)
            mounts[folder] = testing.Mount(location=folder, source=source)
        return testing.Container(name, can_connect=can_connect, mounts=mounts, execs=execs)


def service(container: testing.Container) -> dict:
    return container.plan.services[container.name].to_dict()


class TestNginx:
    def test_starts_with_its_configuration(self):
        world = World().hook(config_text="the text")

        assert world.read(NGINX_CONFIG) == "the text"
        assert service(world.nginx)["command"] == "nginx -g 'daemon off;'"
        assert world.nginx.service_statuses["nginx"] is ACTIVE
        assert world.ran == []

    def test_waits_for_its_container(self):
        world = World(can_connect=False).hook(tls=TLS)

        assert world.nginx.plan.services == {}
        assert world.problem is None
        assert not world.on_disk

    def test_is_reloaded_when_text_changed(self):
        world = World().hook(config_text="old").hook(config_text="new")

        assert world.read(NGINX_CONFIG) == "new"
        assert world.ran == [[*RELOAD]]

    @pytest.mark.parametrize("tls", [None, TLS])
    def test_is_left_alone_when_nothing_changed(self, tls):
        world = World().hook(tls=tls)
        before = world.times_written()

        world.hook()

        assert world.ran == []
        assert world.times_written() == before

    def test_is_restarted_if_it_does_not_run(self):
        world = World().hook()
        world.nginx = dataclasses.replace(world.nginx, service_statuses={"nginx": INACTIVE})

        assert world.hook().nginx.service_statuses["nginx"] is ACTIVE

    def test_has_changed_file_by_hand_again(self):
        world = World().hook(config_text="the text", tls=TLS)
        world.path(NGINX_CONFIG).write_text("by hand")
        world.path(CERT_PATH).write_text("by hand")

        world.hook()

        assert world.read(NGINX_CONFIG) == "the text"
        assert world.read(CERT_PATH) == TLS.server_cert

    @pytest.mark.parametrize(
        "path", [NGINX_CONFIG, LOADED, CERT_PATH, KEY_PATH, CA_CERT_PATH, PROM_EXPORTER_CERT_PATH]
    )
    def test_has_file_again_that_is_no_text(self, path: str):
        world = World().hook(config_text="the text", tls=TLS)
        before = world.read(path)
        world.path(path).write_bytes(b"\xff\xfe\x00")

        assert world.hook().read(path) == before

    def test_keeps_running_configuration_if_new_is_rejected(self):
        world = World().hook(config_text="good")
        world.fails(RELOAD, 'nginx: [emerg] unknown directive "bad"')

        world.hook(config_text="bad")

        assert 'unknown directive "bad"' in world.problem
        assert world.read(NGINX_CONFIG) == "good"

    def test_rejected_configuration_is_sent_again(self):
        world = World().hook(config_text="old", tls=TLS)
        execs = world.nginx.execs
        world.fails(RELOAD, "no memory")
        world.hook(tls=RENEWED)
        assert "no memory" in world.problem
        world.nginx = dataclasses.replace(world.nginx, execs=execs)

        world.hook()

        assert world.ran == [[*RELOAD]]
        assert world.problem is None
        assert world.hook().ran == []

    def test_port_of_another_program_is_reported_until_it_is_free(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            text = NginxConfig("x", [], {port: []}, enable_health_check=True).get_config({}, listen_tls=False)
            world = World().hook(config_text=text, deadline=Deadline(0.5))
            assert "not served" in world.problem
            assert "not served" in world.hook(deadline=Deadline(0.5)).problem

        assert world.hook(deadline=None).problem is None

    def test_text_is_not_left_on_disk_if_there_is_no_time_to_load_it(self):
        world = World().hook(config_text="good")
        world.hook(config_text="new", deadline=Deadline(0))

        assert "no time left" in world.problem
        assert world.read(NGINX_CONFIG) == "good"
        assert world.hook(deadline=None).read(NGINX_CONFIG) == "new"


class TestCertificates:
    def test_are_written_for_nginx_alone_to_read(self):
        world = World().hook(tls=TLS)

        assert world.read(CERT_PATH) == TLS.server_cert
        assert world.read(CA_CERT_PATH) == TLS.ca_cert
        assert world.read(KEY_PATH) == TLS.private_key
        assert stat.S_IMODE(world.path(KEY_PATH).stat().st_mode) == 0o600
        assert world.on_disk
        assert world.ran == [[*TRUST]]

    def test_are_loaded_when_they_are_renewed(self):
        world = World().hook(tls=TLS).hook(tls=RENEWED)

        assert world.read(KEY_PATH) == RENEWED.private_key
        assert world.ran == [[*RELOAD]]

    def test_that_nginx_rejects_are_not_left_on_disk(self):
        world = World().hook(tls=TLS)
        world.fails(RELOAD, "ca key too small")

        world.hook(tls=RENEWED)

        assert "ca key too small" in world.problem
        assert [world.read(path) for path in (CERT_PATH, KEY_PATH)] == [TLS.server_cert, TLS.private_key]

    def test_first_ones_that_nginx_rejects_are_not_left_on_disk(self):
        world = World().hook(config_text="plain")
        world.fails(RELOAD, "ca key too small")

        world.hook(config_text="with TLS", tls=TLS)

        assert world.read(NGINX_CONFIG) == "plain"
        assert not world.on_disk
        assert [world.read(path) for path in (CERT_PATH, KEY_PATH, CA_CERT_PATH)] == [None] * 3

    def test_are_removed_when_there_are_none_anymore(self):
        world = World().hook(tls=TLS).hook(tls=None)

        assert [world.read(path) for path in (CERT_PATH, KEY_PATH, CA_CERT_PATH)] == [None] * 3
        assert not world.on_disk
        assert world.ran == [[*RELOAD], [*TRUST]]

    def test_serve_in_image_that_cannot_trust_their_ca(self):
        world = World()
        world.fails(TRUST, "not found")

        world.hook(tls=TLS)

        assert world.problem is None
        assert world.nginx.service_statuses["nginx"] is ACTIVE

    def test_do_not_show_their_key(self):
        assert "the key" not in repr(TLS)


class TestTheLivenessCheck:
    def check(self, tls: bool) -> str:
        return f"{'https' if tls else 'http'}://127.0.0.1:8080/"

    def test_is_none_unless_asked_for(self):
        assert World().hook().nginx.plan.checks == {}

    def test_restarts_nginx_when_it_does_not_answer(self):
        world = World(check=staticmethod(functools.partial(self.check)))
        plan = world.hook().nginx.plan

        assert plan.checks["nginx-up"].http == {"url": "http://127.0.0.1:8080/"}
        assert service(world.nginx)["on-check-failure"] == {"nginx-up": "restart"}

    def test_goes_by_tls_when_nginx_does(self):
        world = World(check=staticmethod(functools.partial(self.check))).hook()

        assert world.hook(tls=TLS).nginx.plan.checks["nginx-up"].http == {"url": "https://127.0.0.1:8080/"}
        # its URL alone does not restart nginx, which has to load its certificate all the same
        assert [*RELOAD] in world.ran


class TestTheExporter:
    def test_asks_with_tls_if_charm_has_the_certificates(self, monkeypatch: pytest.MonkeyPatch):
        for on_disk in (True, False):
            monkeypatch.setattr(NginxPrometheusExporter, "are_certificates_on_disk", on_disk)
            world = World().hook()
            assert ("=https://127.0.0.1:443/status" in service(world.exporter)["command"]) is on_disk
            assert ("tls_server_config" in world.read(WEB_CONFIG)) is on_disk

    def test_reads_nginx_and_serves_metrics(self):
        world = World().hook()

        assert service(world.exporter)["command"].split() == [
            "nginx-prometheus-exporter",
            "--web.listen-address=:9113",
            "--nginx.scrape-uri=http://127.0.0.1:8080/status",
            "--no-nginx.ssl-verify",
            "--web.config.file=/etc/exporter/web-config.yaml",
        ]
        assert yaml.safe_load(world.read(WEB_CONFIG)) == {}
        assert world.exporter.service_statuses["nginx-prometheus-exporter"] is ACTIVE

    def test_does_so_by_tls(self):
        world = World().hook(tls=TLS)

        assert "--nginx.scrape-uri=https://127.0.0.1:443/status" in service(world.exporter)["command"]
        files = yaml.safe_load(world.read(WEB_CONFIG))["tls_server_config"]
        assert world.read(files["cert_file"]) == TLS.server_cert
        assert world.read(files["key_file"]) == TLS.private_key
        assert stat.S_IMODE(world.path(files["key_file"]).stat().st_mode) == 0o600

    def test_takes_ports_it_is_given(self):
        options = {"nginx_port": 3200, "nginx_tls_port": 3201, "nginx_exporter_port": 9999}
        world = World(options=options)

        command = service(world.hook().exporter)["command"]
        assert "--web.listen-address=:9999" in command
        assert "http://127.0.0.1:3200/status" in command
        assert "https://127.0.0.1:3201/status" in service(world.hook(tls=TLS).exporter)["command"]

    def test_is_restarted_when_its_certificate_is_renewed(self):
        before = service(World().hook(tls=TLS).exporter)
        after = service(World().hook(tls=TLS).hook(tls=RENEWED).exporter)

        assert before["command"] == after["command"]
        assert before["environment"] != after["environment"]

    def test_forgets_its_certificate_with_nginx(self):
        world = World().hook(tls=TLS).hook(tls=None)

        assert world.read("/etc/exporter/certs/server.key") is None
        assert yaml.safe_load(world.read(WEB_CONFIG)) == {}


def test_ports_of_one_charm_are_not_those_of_the_next():
    World().hook(options={"nginx_port": 3200})

    assert "http://127.0.0.1:8080/status" in service(World().hook(options=None).exporter)["command"]
