import subprocess
import sys

from tests.support.charms import CHARMS


def test_hook_without_kubernetes_imports_no_client():
    imported = subprocess.run(
        [sys.executable, "-c", "import charm, sys; print(*sys.modules)"],
        cwd=CHARMS / "istio-beacon-k8s" / "src",
        env={"PYTHONPATH": str(CHARMS.parent / "lib")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "model_mesh" in imported
    assert not {"lightkube", "jinja2", "cosl"} & set(imported)
