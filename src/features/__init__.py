"""What is known about a customer on one date: profiles, interests, tags."""

from src.features.buckets import build_profiles_in_buckets, count_buckets
from src.features.families import choose_features, read_catalogue
from src.features.interests import build_interests
from src.features.profiles import build_profiles
from src.features.profiles_contract import profiles_contract
from src.features.rhythm import LifecycleRules
from src.features.tag_changes import read_earlier_tags
from src.features.tag_history import build_tags
from src.features.tags import read_tag_rules

__all__ = [
    "LifecycleRules",
    "build_interests",
    "build_profiles",
    "build_profiles_in_buckets",
    "build_tags",
    "choose_features",
    "count_buckets",
    "profiles_contract",
    "read_catalogue",
    "read_earlier_tags",
    "read_tag_rules",
]
