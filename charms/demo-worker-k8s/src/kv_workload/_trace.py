"""The W3C trace context of a request."""

import os
import re
from dataclasses import dataclass

SERVER_SPAN, CLIENT_SPAN = 2, 3


@dataclass(frozen=True)
class Trace:
    """The position of a piece of work in its trace: https://www.w3.org/TR/trace-context/."""

    trace_id: str
    span_id: str
    parent_id: str = ""
    sampled: bool = True

    @classmethod
    def from_header(cls, traceparent: str) -> "Trace":
        """Continue the caller's trace; begin one if the header is missing or malformed."""
        caller = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", traceparent)
        if not caller or not int(caller[1], 16) or not int(caller[2], 16):
            return cls(os.urandom(16).hex(), os.urandom(8).hex())
        return cls(caller[1], os.urandom(8).hex(), caller[2], sampled=bool(int(caller[3], 16) & 1))

    def child(self) -> "Trace":
        """Return the context of a piece of work within this one."""
        return Trace(self.trace_id, os.urandom(8).hex(), self.span_id, self.sampled)

    @property
    def header(self) -> str:
        """The `traceparent` header for the next process."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"
