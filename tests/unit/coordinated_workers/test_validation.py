"""Hosts that others may have nginx send requests to."""

import pydantic
import pytest

from coordinated_workers.interfaces.validation import Host, check_of_another_machine
from coordinated_workers.nginx import NginxValueError, check_host


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LocalHost", "kv.localhost", "localhost.localdomain", "localhost4", "localhost6"),
        *(
            "ip6-localhost",
            "ip6-loopback",
            "127.0.0.1",
            "127.8.9.1",
            "::1",
            "::ffff:127.0.0.1",
            "0.0.0.0",
            "::",
        ),
        *("224.0.0.1", "ff02::1"),
    ],
)
def test_machine_itself_is_refused(host: str):
    with pytest.raises(ValueError, match="leads to this machine or to a metadata service"):
        check_of_another_machine(host)


@pytest.mark.parametrize(
    "host",
    [
        *("64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "::127.0.0.1", "::a9fe:a9fe"),
        *("2002:7f00:1::1", "2002:a9fe:a9fe::", "::ffff:0:0"),
        # by a tunnel's interface
        *("2001:db8::5efe:127.0.0.1", "fd00::200:5efe:a9fe:a9fe", "2001:db8::5efe:0.0.0.0"),
        # by a translator with a prefix of its network
        *("64:ff9b:1:7f00:0:100::", "64:ff9b:1:0:7f:0:100:0", "64:ff9b:1::10.1.2.3"),
        *("2001:db8:64::a9fe:a9fe", "2001:db8:64::168.63.129.16", "2001:db8:64::100.100.100.200"),
        *("2001:db8:a9fe:a9fe::", "2001:db8:1a9:fea9:fe::", "2001:db8:1:a9fe:a9:fe00::"),
        *("2001:db8:1:1a9:fe:a9fe::", "2001:db8:1:1:a9:fea9:fe00:0", "2001:db8:1:a83f:81:1000::"),
    ],
)
def test_address_that_leads_to_the_machine_is_refused(host: str):
    with pytest.raises(ValueError, match="leads to this machine or to a metadata service"):
        check_of_another_machine(host)


@pytest.mark.parametrize(
    "host",
    [
        *("169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254", "fd00:EC2:0::254"),
        *("fd00:ec2::23", "169.254.170.23", "100.100.100.200", "240.0.0.1"),
        *("metadata.google.internal", "Metadata.Google.Internal", "metadata", "instance-data.ec2.internal"),
        *("168.63.129.16", "192.0.0.192", "0.0.0.7"),
        *("fd00:c1::a9fe:a9fe", "fd00:c1::1", "metadata.oraclecloud.com", "metadata.packet.net"),
        *("fd00:a9fe:a9fe::1", "api.metadata.cloud.ibm.com", "metadata.exoscale.com"),
        *("rancher-metadata", "rancher-metadata.rancher.internal", "metadata.google", "metadata.internal"),
    ],
)
def test_metadata_addresses_of_the_platform_are_invalid(host: str):
    with pytest.raises(ValueError, match="leads to this machine or to a metadata service"):
        check_of_another_machine(host)


@pytest.mark.parametrize(
    "host",
    [
        *("127-0-0-1.default.pod.cluster.local", "169-254-169-254.shop.pod", "0--1.shop.pod.cluster.local"),
        *("fd00-ec2--254.shop.pod", "0--ffff-7f00-1.shop.pod", "64-ff9b--a9fe-a9fe.shop.pod.cluster.local"),
        *(
            "0-0-0-0-0-0-0-1.shop.pod",
            "localhost.localdomain6",
            "LOCALHOST6",
            "a.LocalHost",
            "metadata.azure.internal",
        ),
        "instance-data.us-west-2.compute.internal",
        *("host.docker.internal", "Host.Minikube.internal", "gateway.docker.internal", "loopback"),
        *("kubernetes.docker.internal", "vm.docker.internal", "control-plane.minikube.internal"),
    ],
)
def test_name_of_a_metadata_address_is_invalid(host: str):
    with pytest.raises(ValueError, match="leads to this machine or to a metadata service"):
        check_of_another_machine(host)


@pytest.mark.parametrize(
    "host",
    [
        "2852039166",
        "0xa9fea9fe",
        "0XA9FEA9FE",
        "0251.0376.0251.0376",
        "169.254.43518",
        "10.1",
        "0",
        "010.1.2.3",
        *("425.510.425.510", "256.1.1.1", "1.2.3.4.5", "4294967297", "0x", "08.1", "loki.0x7f000001"),
    ],
)
def test_ambiguous_address_is_invalid(host: str):
    with pytest.raises(ValueError, match="leads to this machine or to a metadata service"):
        check_of_another_machine(host)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "10.1.2.3",
            "192.0.2.1",
            "2001:db8::1",
            "fd00::7",
            "64:ff9b::10.1.2.3",
            "2001:db8::5efe:10.1.2.3",
            "fd00:a9fe:1::1",
            "2001:db8:a9fe:a9fe::1",
            "2001:db8:64::10.1.2.3",
            "::ffff:10.1.2.3",
            "loki.example",
            "loki-0.loki-endpoints.cos.svc",
        ),
        *(
            "metadata.shop.svc.cluster.local",
            "localhost.example",
            "0x1.example",
            "10.1.example",
            "ff",
            "1-2",
            "kv.1e3",
            "vm.corp.internal",
        ),
        *("10-1-2-3.shop.pod.cluster.local", "fd00--7.shop.pod", "127-0-0-1.shop.svc", "instance-data.shop"),
        *("127-0-0-1.shop.podium", "host.example", "host.shop.svc", "metadata.example"),
    ],
)
def test_other_machines_are_not(host: str):
    check_of_another_machine(host)


@pytest.mark.parametrize("host", ["fe80::1%eth0", "fd00::1%1", "fd00::1%$(reboot)", "::1%", "a%b", "%61"])
def test_name_of_interface_is_part_of_no_host(host: str):
    with pytest.raises(pydantic.ValidationError, match="neither a DNS name nor an IP address"):
        pydantic.TypeAdapter(Host).validate_python(host)
    with pytest.raises(NginxValueError):
        check_host(host)
