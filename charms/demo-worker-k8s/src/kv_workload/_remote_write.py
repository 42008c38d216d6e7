"""Bodies of requests of Prometheus' remote-write protocol."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from ._config import Labels
from ._metrics import Sample
from ._payloads import Payload


@dataclass(frozen=True)
class Snapshot:
    """The samples of every metric at one moment."""

    time_ms: int
    samples: Sequence[Sample]


def remote_write(snapshots: Sequence[Snapshot], labels: Labels) -> Payload:
    """Encode metrics for Prometheus' remote-write 1.0: one time series a set of labels, its samples in order.

    https://prometheus.io/docs/specs/prw/remote_write_spec/
    """
    series: dict[tuple[tuple[str, str], ...], list[bytes]] = {}
    for snapshot in snapshots:
        for sample in snapshot.samples:
            key = tuple(sorted({**labels, **sample.labels, "__name__": sample.name}.items()))
            value = b"\x09" + struct.pack("<d", sample.value) + b"\x10" + _varint(snapshot.time_ms)
            series.setdefault(key, []).append(_message(2, value))
    body = b"".join(_message(1, *map(_label, key), *samples) for key, samples in series.items())
    headers = {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    return Payload(_snappy(body), headers)


def _label(label: tuple[str, str]) -> bytes:
    name, value = label
    return _message(1, _message(1, name.encode()), _message(2, value.encode()))


def _varint(number: int) -> bytes:
    """Encode a number as Protocol Buffers do: https://protobuf.dev/programming-guides/encoding/#varints."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _message(field_number: int, *parts: bytes) -> bytes:
    """Encode a field of bytes, text or a nested message."""
    content = b"".join(parts)
    return bytes([field_number << 3 | 2]) + _varint(len(content)) + content


def _snappy(content: bytes) -> bytes:
    """Frame bytes in snappy's block format without compressing them: its length, then only literals.

    https://github.com/google/snappy/blob/main/format_description.txt
    """
    two_byte_literal = 61 << 2
    chunks = (content[start : start + 65536] for start in range(0, len(content), 65536))
    return _varint(len(content)) + b"".join(
        struct.pack("<BH", two_byte_literal, len(chunk) - 1) + chunk for chunk in chunks
    )
