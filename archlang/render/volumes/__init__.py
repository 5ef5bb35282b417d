"""A net as volumes: its maps as boxes in perspective, to scale, one after the other."""

from __future__ import annotations
