"""Attendance lists: who was in a meeting and when, if its moderators have it kept."""

from tertulia.rooms.attendance.part import Attendance, Earlier
from tertulia.rooms.attendance.register import AttendanceLimits, Register

__all__ = ["Attendance", "AttendanceLimits", "Earlier", "Register"]
