"""Files that people share in a room: what there is, who may do what with it, and how much fits."""

from tertulia.rooms.files.part import FileSharing
from tertulia.rooms.files.shelf import FileLimits

__all__ = ["FileLimits", "FileSharing"]
