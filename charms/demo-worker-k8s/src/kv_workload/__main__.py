"""Runs the program."""

import sys

from kv_workload import main

sys.exit(main())
