from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_console.transcoding.templates import PathError, TemplateError, parse_path, parse_template

SEGMENTS = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
WORDS = st.from_regex(r"[a-zA-Z0-9_-]{1,8}", fullmatch=True)


def match(template: str, path: str) -> dict[str, str] | None:
    return parse_template(template).match(parse_path(path.encode()))


@pytest.mark.parametrize(
    ("template", "path", "fields"),
    [
        ("/v1/reviews", "/v1/reviews", {}),
        ("/v1/{name=tenants/*}", "/v1/tenants/acme", {"name": "tenants/acme"}),
        ("/v1/{name=tenants/*}", "/v1/tenants/acme/tags", None),
        ("/v1/{name=tenants/*}", "/v1/tenants/acme:read", None),
        ("/v1/{name=tenants/*}:read", "/v1/tenants/acme:read", {"name": "tenants/acme"}),
        ("/v1/{name=tenants/*}:read", "/v1/tenants/acme", None),
        ("/v1/{parent=tenants/*}/tags:export", "/v1/tenants/acme/tags:export", {"parent": "tenants/acme"}),
        ("/v1/{user.name=tenants/*/users/*}", "/v1/tenants/a/users/b", {"user.name": "tenants/a/users/b"}),
        ("/v1/{name=tenants/*/billingAccount}", "/v1/tenants/a/billingAccount", {"name": "tenants/a/billingAccount"}),
        ("/v1/{a}/x/{b=y/*}", "/v1/1/x/y/2", {"a": "1", "b": "y/2"}),
        ("/v1/{name=**}", "/v1/a/b/c", {"name": "a/b/c"}),
        ("/v1/{name=tags/*}", "/v1/tags/%E4%BD%A0", {"name": "tags/你"}),
        # Percent-encoded, a colon is no verb.
        ("/v1/{name=tags/*}", "/v1/tags/a%3Aread", {"name": "tags/a:read"}),
        ("/v1/{name=tags/*}", "/v1/tags/..", {"name": "tags/.."}),
        ("/v1/reviews", "/v1/reviews/", None),
        ("/v1/reviews", "//v1/reviews", None),
    ],
)
def test_a_path_fills_what_the_template_says(template: str, path: str, fields: dict[str, str] | None) -> None:
    assert match(template, path) == fields


@pytest.mark.parametrize("path", ["/v1/tags/a%2Fb", "/v1/tags/%FF", "/v1/tags/%00", "/v1/tags/x:%2F"])
def test_a_path_that_hides_something_is_refused(path: str) -> None:
    with pytest.raises(PathError):
        parse_path(path.encode())


@pytest.mark.parametrize("template", ["v1/tags", "/v1/{name=**}/x", "/v1//x", "/v1/{name=a b}", "/", "/v1/{"])
def test_what_follows_no_grammar_is_no_template(template: str) -> None:
    with pytest.raises(TemplateError):
        parse_template(template)


@given(st.lists(st.tuples(WORDS, st.booleans()), min_size=1, max_size=6), st.booleans(), st.data())
def test_what_a_template_makes_it_takes_apart(
    parts: list[tuple[str, bool]], has_verb: bool, data: st.DataObject
) -> None:
    """A path made of a template, with any text in place of each star, gives these texts back."""
    verb = ":doIt" if has_verb else ""
    template = "/".join("*" if variable else word for word, variable in parts)
    filled = [data.draw(SEGMENTS) if variable else word for word, variable in parts]
    path = "/".join(quote(segment, safe="") for segment in filled)
    found = match(f"/v1/{{name={template}}}{verb}", f"/v1/{path}{verb}")
    assert found == {"name": "/".join(filled)}


@given(st.binary(max_size=60))
def test_any_path_is_taken_apart_or_refused(path: bytes) -> None:
    try:
        found = parse_path(b"/" + path)
    except PathError:
        return
    assert not any("/" in segment or "\0" in segment for segment in found.segments)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("/v1/{a=x/*}", "/v1/{b=x/*}", True),
        ("/v1/{a=x/*}", "/v1/x/y", False),
        ("/v1/{a=*/y}", "/v1/{b=x/*}", True),
        ("/v1/{a=x/*}", "/v1/{b=y/*}", False),
        ("/v1/{a=x/*}", "/v1/{b=x/*}:do", False),
    ],
)
def test_templates_that_mean_the_same_path_are_told(one: str, other: str, overlap: bool) -> None:
    assert parse_template(one).overlaps(parse_template(other)) is overlap
    assert parse_template(other).overlaps(parse_template(one)) is overlap
