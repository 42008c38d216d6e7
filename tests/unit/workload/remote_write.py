"""Reads remote-write requests with the formats' own libraries."""

from cramjam import snappy
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Series = dict[tuple[tuple[str, str], ...], list[tuple[float, int]]]


def _write_request():
    """https://github.com/prometheus/prometheus/blob/main/prompb/remote.proto, as far as 1.0 uses it."""
    file = descriptor_pb2.FileDescriptorProto(name="remote.proto", package="prometheus", syntax="proto3")
    field = descriptor_pb2.FieldDescriptorProto
    messages = {
        "Label": [("name", 1, field.TYPE_STRING, ""), ("value", 2, field.TYPE_STRING, "")],
        "Sample": [("value", 1, field.TYPE_DOUBLE, ""), ("timestamp", 2, field.TYPE_INT64, "")],
        "TimeSeries": [
            ("labels", 1, field.TYPE_MESSAGE, "Label"),
            ("samples", 2, field.TYPE_MESSAGE, "Sample"),
        ],
        "WriteRequest": [("timeseries", 1, field.TYPE_MESSAGE, "TimeSeries")],
    }
    for message_name, fields in messages.items():
        message = file.message_type.add(name=message_name)
        for name, number, kind, nested in fields:
            label = field.LABEL_REPEATED if nested else field.LABEL_OPTIONAL
            type_name = f".prometheus.{nested}" if nested else None
            message.field.add(name=name, number=number, type=kind, label=label, type_name=type_name)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("prometheus.WriteRequest"))


_WriteRequest = _write_request()


def series(body: bytes) -> Series:
    request = _WriteRequest.FromString(bytes(snappy.decompress_raw(body)))
    return {
        tuple((label.name, label.value) for label in one.labels): [
            (sample.value, sample.timestamp) for sample in one.samples
        ]
        for one in request.timeseries
    }
