"""/metrics: device series from blocks that are made at poll time, and the daemon's own series."""

from secmon.adapters.exposition.daemon import DaemonMetrics
from secmon.adapters.exposition.page import Exposition
from secmon.adapters.exposition.present import World

__all__ = ["DaemonMetrics", "Exposition", "World"]
