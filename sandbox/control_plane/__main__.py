"""Build the programs of the control plane, so that nothing has to wait for them later."""

import sys

from ._errors import ControlPlaneError, NotAvailableError
from ._programs import PROGRAMS


def main() -> int:
    """Build what is not built yet; print what is skipped because it needs another Go."""
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
