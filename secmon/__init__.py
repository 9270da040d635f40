"""secmon watches security installations: devices are polled, faults become people's tickets."""

__version__ = "0.1.0"
