"""A gRPC backend that remembers what reached it."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc

GRPC_WITHOUT_LIMITS = [
    *((f"grpc.max_{way}_message_length", -1) for way in ("send", "receive")),
    ("grpc.max_metadata_size", 1_000_000),
]


class RecordingGrpcBackend:
    """A gRPC server that takes calls of all methods, and answers with the length of all that came in one.

    Args:
        credentials: for TLS.
        metadata: what goes before each answer, and after it.
    """

    def __init__(
        self,
        credentials: grpc.ServerCredentials | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ):
        self.received: list[tuple[str, bytes]] = []
        self._metadata = tuple(metadata)
        self._server = grpc.server(ThreadPoolExecutor(2), options=GRPC_WITHOUT_LIMITS)
        self._server.add_generic_rpc_handlers([self])
        if credentials:
            self.port = self._server.add_secure_port("127.0.0.1:0", credentials)
        else:
            self.port = self._server.add_insecure_port("127.0.0.1:0")

    def __enter__(self) -> "RecordingGrpcBackend":
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(0).wait()

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        def answer(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            sent = b"".join(messages)
            self.received.append((call.method, sent))
            context.send_initial_metadata(self._metadata)
            context.set_trailing_metadata(self._metadata)
            return str(len(sent)).encode()

        return grpc.stream_unary_rpc_method_handler(answer)
