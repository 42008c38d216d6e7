"""Build the programs of the control plane, so that nothing has to wait for them later."""

import sys

from ._errors import ControlPlaneError, NotAvailableError
from ._programs import PROGRAMS


def main() -> int:
    """Build what is not built yet. Where that needs another Go, say so and leave it."""
    try:
        for program in PROGRAMS:
            program.build()
    except NotAvailableError as error:
        print(f"{error}. What is not built is left out.")
    except ControlPlaneError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
