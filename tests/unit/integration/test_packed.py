import pytest

from tests.support.deployed.packed import charm_file, images


def test_charms_dir_is_used(tmp_path, monkeypatch):
    (tmp_path / "shop_ubuntu@24.04-amd64.charm").touch()
    monkeypatch.setenv("CHARMS_DIR", str(tmp_path))
    assert charm_file("shop") == tmp_path / "shop_ubuntu@24.04-amd64.charm"


def test_unpacked_charm_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("CHARMS_DIR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="make pack"):
        charm_file("shop")


@pytest.mark.parametrize(
    ("charm", "resources"),
    [
        ("istio-beacon-k8s", {"metrics-proxy-image"}),
        ("demo-coordinator-k8s", {"nginx-image", "nginx-prometheus-exporter-image"}),
        ("demo-worker-k8s", {"worker-image"}),
        ("mesh-tester-k8s", {"web-image"}),
    ],
)
def test_each_resource_has_its_image(charm, resources):
    found = images(charm)
    assert found.keys() == resources
    assert all(":" in image for image in found.values())
