"""A Slack workspace and an Oomnitza instance on this machine, speaking the HTTP of the real ones, and as strict."""

from .faults import Fault
from .requestlog import Exchange
from .service import Sandbox

__all__ = ["Exchange", "Fault", "Sandbox"]
