"""Which domain takes which record: the one table of tags."""

from collections.abc import Mapping

from backend.photos.intake import TAKES as PHOTOS
from backend.taken import Take

TAKES: Mapping[str, Take] = {**PHOTOS}
