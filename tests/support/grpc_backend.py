"""A gRPC backend that records the calls that reach it."""

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc
import h2.config
import h2.connection
import h2.events

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


class ClosingGrpcBackend:
    """A gRPC server that answers the first call of each connection, and closes it when a second one comes."""

    def __init__(self):
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> "ClosingGrpcBackend":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._answer_one, args=(connection,), daemon=True).start()

    def _answer_one(self, connection: socket.socket) -> None:
        http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        http2.initiate_connection()
        calls = 0
        with connection, contextlib.suppress(OSError):
            connection.sendall(http2.data_to_send())
            while calls < 2 and (received := connection.recv(65536)):
                for event in http2.receive_data(received):
                    calls += isinstance(event, h2.events.RequestReceived)
                    if isinstance(event, h2.events.StreamEnded) and event.stream_id and calls < 2:
                        head = [(":status", "200"), ("content-type", "application/grpc")]
                        http2.send_headers(event.stream_id, head)
                        http2.send_data(event.stream_id, b"\0\0\0\0\2ok")
                        http2.send_headers(event.stream_id, [("grpc-status", "0")], end_stream=True)
                connection.sendall(http2.data_to_send())
