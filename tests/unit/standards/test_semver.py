from hypothesis import given
from hypothesis import strategies as st

from dualspan_standards.semver import Version

IDENTIFIERS = st.integers(0, 200).map(str) | st.text("ab-Z", min_size=1, max_size=3)
NUMBERS = st.tuples(*[st.integers(0, 12)] * 3)


@st.composite
def versions(draw: st.DrawFn) -> Version:
    text = ".".join(map(str, draw(NUMBERS)))
    identifiers = draw(st.lists(IDENTIFIERS, max_size=4))
    found = Version.parse(f"{text}-{'.'.join(identifiers)}" if identifiers else text)
    assert found is not None
    return found


@given(versions(), versions())
def test_sort_keys_order_as_versions_do(one: Version, other: Version) -> None:
    assert (one < other) == (one.sort_key < other.sort_key)
    assert (one == other) == (one.sort_key == other.sort_key)
