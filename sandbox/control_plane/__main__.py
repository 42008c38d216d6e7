"""Build the programs of the control plane, so that no later command has to wait for them."""

import sys

from ._errors import ControlPlaneError, NotAvailableError
from ._programs import PROGRAMS


def main() -> int:
    """Build the programs that are not built yet; print those that need another Go and are skipped."""
    for program in PROGRAMS:
        try:
            program.build()
        except NotAvailableError as error:
            print(f"{program.name} is not built: {error}")
        except ControlPlaneError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
