"""How a model says that its properties are sampled."""

import pytest

from dualspan_onboarding.asset_models.model import SamplingDefault
from dualspan_onboarding.asset_models.schema import parse

MODEL = """
schema: dualspan.asset-model/1
id: kiln
version: 1.0.0
industry: compressed-air-energy
names: {en: Kiln, zh: 窑}
properties:
  - id: temperature
    names: {en: Temperature, zh: 温度}
    kind: %s
    role: measurement
    domain: production
    sampling: %s
"""


def test_a_property_says_how_it_is_sampled() -> None:
    text = "{interval: 500ms, publishing: 2s, deadband: 0.5%, heartbeat: 5min}"
    model, problems = parse(MODEL % ("float64", text))
    assert not problems
    assert model is not None
    assert model.properties[0].sampling == SamplingDefault(500_000, 2_000_000, 0.5, True, 300_000_000)


@pytest.mark.parametrize(
    ("kind", "sampling", "words"),
    [
        ("float64", "{interval: soon}", "interval cannot be"),
        ("float64", "{deadband: a lot}", "deadband cannot be"),
        ("text", "{deadband: 0.5}", "deadband cannot be"),
        ("float64", "{deadband: 101%}", "deadband cannot be"),
        ("float64", "{heartbeat: 10ms}", "heartbeat cannot be"),
        ("float64", "{interval: 2000min}", "interval cannot be"),
        ("float64", "{every: 1s}", "There is no key"),
        ("float64", "often", "A mapping is needed"),
    ],
)
def test_what_it_cannot_say_is_named(kind: str, sampling: str, words: str) -> None:
    _, problems = parse(MODEL % (kind, sampling))
    assert any(words in problem.reason for problem in problems)
