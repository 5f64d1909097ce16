"""Which streamer, live session, short video, ad or group brought each order.

journeys = attribution.read_paths("paths.csv")
attribution.compare(journeys, [attribution.LastTouch(), attribution.Markov()])
"""

from attribution import tune
from attribution.assemble.opened import open_journeys, read_store
from attribution.credit import Credit
from attribution.decide.claims import Claims, claims
from attribution.decide.ledger import Ledger, ledger, open_orders, write_ledger
from attribution.decide.paths import KeyPaths, paths
from attribution.decide.roi import Roi, roi
from attribution.errors import (
    AttributionError,
    ConfigError,
    DataError,
    MissingAges,
    ModelError,
    ReportError,
)
from attribution.evaluate import lift
from attribution.evaluate.compare import Comparison, compare
from attribution.evaluate.differences import difference
from attribution.evaluate.explain import difference_steps, explain_difference
from attribution.evaluate.period import in_period, watched_in
from attribution.intake.paths import read_paths, read_touchpoints
from attribution.intake.shipped import shipped
from attribution.journeys import Journeys
from attribution.model import Model, attribute, check_model, label
from attribution.models.counterfactual_shapley import CounterfactualShapley
from attribution.models.hazard import Hazard
from attribution.models.heuristic import (
    FirstTouch,
    LastNonDirect,
    LastTouch,
    Linear,
    PositionBased,
    TimeDecay,
    TouchpointModel,
)
from attribution.models.lift_tests import LiftTest, read_lift_tests
from attribution.models.logistic import Logistic
from attribution.models.markov import Markov
from attribution.models.named import default_models, model_from_text, usable_models
from attribution.models.profile import profile, profiles
from attribution.models.rule import Rule
from attribution.models.shao_li import ShaoLi
from attribution.models.shapley import Shapley, shapley_by_position
from attribution.names import __version__
from attribution.notes import Note, NoteKind
from attribution.present.plot import plot_comparison
from attribution.present.selection import Reason, Selection, select
from attribution.store.store import Store, open_store
from attribution.tally import Tally, tally_rows, tally_weights
from attribution.worlds.presets import presets
from attribution.worlds.settings import WorldSettings
from attribution.worlds.world import World, simulate

__all__ = [
    "AttributionError",
    "Claims",
    "Comparison",
    "ConfigError",
    "CounterfactualShapley",
    "Credit",
    "DataError",
    "FirstTouch",
    "Hazard",
    "Journeys",
    "KeyPaths",
    "LastNonDirect",
    "LastTouch",
    "Ledger",
    "LiftTest",
    "Linear",
    "Logistic",
    "Markov",
    "MissingAges",
    "Model",
    "ModelError",
    "Note",
    "NoteKind",
    "PositionBased",
    "Reason",
    "ReportError",
    "Roi",
    "Rule",
    "Selection",
    "ShaoLi",
    "Shapley",
    "Store",
    "Tally",
    "TimeDecay",
    "TouchpointModel",
    "World",
    "WorldSettings",
    "__version__",
    "attribute",
    "check_model",
    "claims",
    "compare",
    "default_models",
    "difference",
    "difference_steps",
    "explain_difference",
    "in_period",
    "label",
    "ledger",
    "lift",
    "model_from_text",
    "open_journeys",
    "open_orders",
    "open_store",
    "paths",
    "plot_comparison",
    "presets",
    "profile",
    "profiles",
    "read_lift_tests",
    "read_paths",
    "read_store",
    "read_touchpoints",
    "roi",
    "select",
    "shapley_by_position",
    "shipped",
    "simulate",
    "tally_rows",
    "tally_weights",
    "tune",
    "usable_models",
    "watched_in",
    "write_ledger",
]
