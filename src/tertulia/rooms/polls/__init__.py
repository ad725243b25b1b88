"""Polls: asking everybody in a room, answering, and what stays of it."""

from tertulia.rooms.polls.part import Polls
from tertulia.rooms.polls.poll import PollLimits

__all__ = ["PollLimits", "Polls"]
