"""What is known about a customer on one date: profiles, interests, tags."""

from src.features.interests import build_interests
from src.features.profiles import build_profiles
from src.features.rhythm import LifecycleRules
from src.features.tags import build_tags, read_tag_rules

__all__ = [
    "LifecycleRules",
    "build_interests",
    "build_profiles",
    "build_tags",
    "read_tag_rules",
]
