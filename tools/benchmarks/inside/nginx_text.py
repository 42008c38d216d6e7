"""Renders nginx.conf with the routes of workers' telemetry, on whichever library its interpreter finds.

Reads the input from the first line of standard input and answers with the text; renders it again for each
further line, and answers with the seconds.
"""

import json
import sys
import time

from telemetry_routes import renderer


def main() -> None:
    """Render a line."""
    render = renderer(json.loads(sys.stdin.readline()))
    sys.stdout.write(json.dumps(render()) + "\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        start = time.perf_counter()
        render()
        sys.stdout.write(f"{time.perf_counter() - start}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
