"""The object store of a cluster, in the terms of the workloads' configuration."""

from typing import Any

from cos_interfaces.s3 import S3ConnectionInfo

from .workload import S3_TLS_CA_CHAIN_FILE


def workload_config(info: S3ConnectionInfo) -> dict[str, Any]:
    """Return the bucket as workloads of the field have it in their configuration."""
    scheme, _, address = info.endpoint.rpartition("://")
    return {
        "endpoint": address,
        "region": info.region,
        "access_key_id": info.access_key,
        "secret_access_key": info.secret_key,
        "bucket_name": info.bucket,
        "insecure": scheme != "https" and not info.tls_ca_chain,
        "tls_ca_path": S3_TLS_CA_CHAIN_FILE if info.tls_ca_chain else None,
    }
