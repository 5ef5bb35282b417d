"""torchvision is imported once, as in the other tests: where its compiled operators do not load, archlang warns."""

from __future__ import annotations

from tests.torchvision_models import torchvision

torchvision()
