"""`tertulia doctor`: proves that meetings work here, instead of guessing.

It looks at what can be looked at (configuration, disk, ports, certificate, clock), then joins a
real meeting with three participants by the addresses everybody gets, once by UDP, once by TCP. What
does not work is named with the hop where it broke and the likely fix.
"""

from tertulia.doctor.examination import examine
from tertulia.doctor.report import Finding, Report, State

__all__ = ["Finding", "Report", "State", "examine"]
