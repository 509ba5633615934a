import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_runtime.errors import InvalidArgument
from dualspan_runtime.paging import PageRules, PageTokens

TOKENS = PageTokens("a secret of the service")
keys = st.lists(st.one_of(st.text(), st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=3)
queries = st.tuples(st.text(), st.text(), st.booleans())


@given(keys, queries)
def test_a_token_gives_its_key_back(key: list[str | int], query: tuple[object, ...]) -> None:
    assert TOKENS.read(TOKENS.write(key, query), query) == tuple(key)


@given(keys, queries, queries)
def test_a_token_fits_its_own_query_only(
    key: list[str | int], query: tuple[object, ...], other: tuple[object, ...]
) -> None:
    if query != other:
        with pytest.raises(InvalidArgument):
            TOKENS.read(TOKENS.write(key, query), other)


@given(st.text(min_size=1))
def test_nobody_makes_a_token_up(token: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        TOKENS.read(token, ("q",))
    assert raised.value.reason == "MALFORMED_PAGE_TOKEN"


@given(keys, st.data())
def test_a_changed_token_is_refused(key: list[str | int], data: st.DataObject) -> None:
    token = TOKENS.write(key, ("q",))
    position = data.draw(st.integers(0, len(token) - 2))  # the last character may hold bits that say nothing
    other = data.draw(st.sampled_from([c for c in "abcXYZ019-_" if c != token[position]]))
    with pytest.raises(InvalidArgument):
        TOKENS.read(token[:position] + other + token[position + 1 :], ("q",))


def test_another_services_token_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        TOKENS.read(PageTokens("another secret").write(("a",), ("q",)), ("q",))


def test_no_token_is_the_first_page() -> None:
    assert TOKENS.read("", ("q",)) is None


@pytest.mark.parametrize(("asked", "given_"), [(0, 100), (1, 1), (1000, 1000), (1001, 1000)])
def test_a_page_has_a_default_and_a_maximum(asked: int, given_: int) -> None:
    assert PageRules().size(asked) == given_


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        PageRules().size(-1)
