"""Settings as the data would have them: half-life, weights, look-back, order of Markov, repeats.

Each is chosen by what it tells of days that were held out, with an interval and the whole curve;
where the curve is flat, the verdict says that the data cannot tell, and how much more data would.

found = attribution.tune.half_life(journeys)
found.value, found.low, found.high
print(found.verdict)
"""

from attribution.tune.fading import half_life, half_lives
from attribution.tune.repeats import position_weights
from attribution.tune.steps import markov_order
from attribution.tune.study import Study, credit_along, study
from attribution.tune.verdict import Finding, Tuned, Verdict
from attribution.tune.windows import lookback, sessions

__all__ = [
    "Finding",
    "Study",
    "Tuned",
    "Verdict",
    "credit_along",
    "half_life",
    "half_lives",
    "lookback",
    "markov_order",
    "position_weights",
    "sessions",
    "study",
]
