"""`secmon`, but every SNMP column is read at every poll, not the slow ones at every tenth."""

import sys

from probes.snmp import probe
from secmon.cli import main

if __name__ == "__main__":
    probe.SLOW_EVERY = 1
    sys.exit(main())
