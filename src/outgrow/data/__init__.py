"""Users' data: feature files, labels, joins, splits, and what is suspicious about them."""

from outgrow.data.checks import constant_columns, drawn_from_pool, same_content, suspicions
from outgrow.data.feature_source import FeatureSource
from outgrow.data.features_file import FeatureIdentity, FeatureTable, as_features, read_features
from outgrow.data.join import Joined, join
from outgrow.data.labels import LabelTable, read_labels
from outgrow.data.splits import Split, draw_split, folds, jackknife_groups
from outgrow.data.task import choose_task, encode

__all__ = [
    "FeatureIdentity",
    "FeatureSource",
    "FeatureTable",
    "Joined",
    "LabelTable",
    "Split",
    "as_features",
    "choose_task",
    "constant_columns",
    "draw_split",
    "drawn_from_pool",
    "encode",
    "folds",
    "jackknife_groups",
    "join",
    "read_features",
    "read_labels",
    "same_content",
    "suspicions",
]
