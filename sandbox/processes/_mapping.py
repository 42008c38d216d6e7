"""All differences between this machine and a container in a pod.

- A container's absolute paths are below its root, also those that a configuration file names.
- A pod's processes listen at one address, its loopback address too, instead of at all of its own.
- Names of the cluster are looked up by the sandbox's name server, or in the hosts file that
  `sitecustomize` reads.
- An nginx may be built without the status page.
"""

import re
from dataclasses import dataclass
from pathlib import Path

_PATH = re.compile(r"(?<![\w.:/-])/(?:etc|home|opt|root|run|srv|tmp|usr|var)/[^\s'\";,]*")
_LOCAL = re.compile(r"(?<![\w.-])(?:127\.0\.0\.1|localhost)(?=[:/]|$)")
_ALL_ADDRESSES = re.compile(r"(=):(\d+)$")

_NGINX_PATHS = re.compile(
    r"^(\s*(?:\w+_temp_path|\w*ssl_(?:certificate|certificate_key|trusted_certificate)|include|pid|root)\s+)(\S+);",
    re.MULTILINE,
)
_NGINX_LISTEN = re.compile(r"^(\s*listen\s+)(\d+)", re.MULTILINE)
_NGINX_LISTEN_IPV6 = re.compile(r"^\s*listen\s+\[.*\n", re.MULTILINE)
_NGINX_RESOLVER = re.compile(r"^(\s*resolver\s+)[^;]*;", re.MULTILINE)
_NGINX_STATUS_PAGE = re.compile(r"^(\s*)stub_status;", re.MULTILINE)

_CONFIGURATIONS = (".json", ".yaml")
_MIME_TYPES = "types {\n    text/plain txt;\n}\n"


@dataclass(frozen=True)
class Place:
    """The folders of a container on this machine."""

    root: Path
    """Its files."""
    address: str
    """Where its processes listen."""
    resolver: str
    """The name server of its application: address and port."""

    def path(self, path: str) -> str:
        """A path of the container."""
        return f"{self.root}{path}"

    def word(self, text: str) -> str:
        """A word of a command line; for a file that names paths of the container, a copy that names ours."""
        argument = self.argument(text)
        file = Path(argument)
        if file.suffix not in _CONFIGURATIONS or not file.is_file():
            return argument
        content = file.read_text()
        mapped = _PATH.sub(lambda match: self.path(match[0]), content)
        # A program may read a file again at any time: it is the file itself if possible.
        if mapped == content:
            return argument
        copy = file.with_suffix(f".mapped{file.suffix}")
        copy.write_text(mapped)
        return str(copy)

    def argument(self, text: str) -> str:
        """A part of a command line, or the value of an environment variable."""
        text = _PATH.sub(lambda match: self.path(match[0]), text)
        text = _LOCAL.sub(self.address, text)
        return _ALL_ADDRESSES.sub(rf"\1{self.address}:\2", text)

    def nginx_config(self, text: str, *, status_page: bool) -> str:
        """An nginx.conf, for an nginx with or without the status page."""
        text = _NGINX_PATHS.sub(lambda match: f"{match[1]}{self._nginx_path(match[2])};", text)
        text = _NGINX_LISTEN_IPV6.sub("", text)
        text = _NGINX_LISTEN.sub(rf"\g<1>{self.address}:\2", text)
        text = _NGINX_RESOLVER.sub(rf"\g<1>{self.resolver} ipv6=off;", text)
        return text if status_page else _NGINX_STATUS_PAGE.sub(r"\1return 404;", text)

    def prepare_nginx(self) -> None:
        """Create the files of nginx's image."""
        mime_types = Path(self.path("/etc/nginx/mime.types"))
        mime_types.parent.mkdir(parents=True, exist_ok=True)
        if not mime_types.exists():
            mime_types.write_text(_MIME_TYPES)

    def _nginx_path(self, quoted: str) -> str:
        path = quoted.strip("\"'")
        return f'"{self.path(path)}"' if path.startswith("/") else quoted
