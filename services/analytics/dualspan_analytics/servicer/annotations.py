"""AnnotationService: what people write beside values."""

# ruff: noqa: N802 - the contract's names

import uuid
from dataclasses import replace
from typing import Any, TypeAlias

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from dualspan.analytics.v1 import annotations_pb2 as contract
from dualspan.analytics.v1 import annotations_pb2_grpc
from dualspan_analytics.annotations import Annotation, check_subjects
from dualspan_analytics.errors import reversed_span
from dualspan_analytics.service.annotations import Annotations, annotation_name
from dualspan_analytics.servicer.masks import masked
from dualspan_analytics.servicer.times import read_time, write_time
from dualspan_analytics.store.annotations import StoredAnnotation, Wanted
from dualspan_runtime.names import TENANT, ResourceName, check_slug
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
ANNOTATION = ResourceName("tenants/{tenant}/annotations/{annotation}")
_PAGES = PageRules(default=100, maximum=1000)
_MOST_ASKED = 200
_FIRST = (-(1 << 63), "")
_CHANGEABLE = frozenset({"start_time", "end_time", "assets", "tag_ids", "text"})


class AnnotationServicer(annotations_pb2_grpc.AnnotationServiceServicer):
    """See the contract.

    Args:
        annotations: Use cases.
        tokens: Makes page tokens.
    """

    def __init__(self, annotations: Annotations, tokens: PageTokens) -> None:
        self._annotations = annotations
        self._tokens = tokens

    async def CreateAnnotation(
        self, request: contract.CreateAnnotationRequest, context: Context
    ) -> contract.Annotation:
        """See the contract."""
        tenant = TENANT.parse(request.parent)["tenant"]
        chosen = check_slug(request.annotation_id, "annotation_id") if request.annotation_id else uuid.uuid4().hex
        return _message(tenant, await self._annotations.create(tenant, _read(request.annotation, chosen)))

    async def GetAnnotation(self, request: contract.GetAnnotationRequest, context: Context) -> contract.Annotation:
        """See the contract."""
        name = ANNOTATION.parse(request.name)
        return _message(name["tenant"], await self._annotations.get(*_of(name)))

    async def ListAnnotations(
        self, request: contract.ListAnnotationsRequest, context: Context
    ) -> contract.ListAnnotationsResponse:
        """See the contract."""
        tenant, size, wanted = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size), _wanted(request)
        query = ("ListAnnotations", tenant, str(wanted))
        start_us, identifier = self._tokens.read(request.page_token, query) or _FIRST
        found = await self._annotations.page(tenant, wanted, (int(start_us), str(identifier)), size + 1)
        answer = contract.ListAnnotationsResponse(annotations=[_message(tenant, each) for each in found[:size]])
        if len(found) > size:
            last = found[size - 1].annotation
            answer.next_page_token = self._tokens.write((last.start_us, last.id), query)
        return answer

    async def UpdateAnnotation(
        self, request: contract.UpdateAnnotationRequest, context: Context
    ) -> contract.Annotation:
        """See the contract."""
        name = ANNOTATION.parse(request.annotation.name)
        fields = masked(request.update_mask, _CHANGEABLE)

        def changed(old: Annotation) -> Annotation:
            return _changed(old, request.annotation, fields)

        stored = await self._annotations.change(*_of(name), etag=request.annotation.etag, changed=changed)
        return _message(name["tenant"], stored)

    async def DeleteAnnotation(self, request: contract.DeleteAnnotationRequest, context: Context) -> Empty:
        """See the contract."""
        await self._annotations.delete(*_of(ANNOTATION.parse(request.name)), etag=request.etag)
        return Empty()

    async def UndeleteAnnotation(
        self, request: contract.UndeleteAnnotationRequest, context: Context
    ) -> contract.Annotation:
        """See the contract."""
        name = ANNOTATION.parse(request.name)
        return _message(name["tenant"], await self._annotations.undelete(*_of(name)))


def _of(name: dict[str, str]) -> tuple[str, str]:
    return name["tenant"], name["annotation"]


def _wanted(request: contract.ListAnnotationsRequest) -> Wanted:
    start_us, end_us = read_time(request, "start_time"), read_time(request, "end_time")
    if end_us <= start_us:
        raise reversed_span()
    check_subjects("assets", request.assets, _MOST_ASKED)
    check_subjects("tag_ids", request.tag_ids, _MOST_ASKED)
    return Wanted(start_us, end_us, tuple(request.assets), tuple(request.tag_ids))


def _read(given: contract.Annotation, identifier: str) -> Annotation:
    start_us = read_time(given, "start_time")
    return Annotation(
        id=identifier,
        start_us=start_us,
        end_us=read_time(given, "end_time") if given.HasField("end_time") else start_us,
        assets=_assets(given),
        tag_ids=tuple(dict.fromkeys(given.tag_ids)),
        text=given.text.strip(),
    )


def _assets(given: contract.Annotation) -> tuple[str, ...]:
    return tuple(dict.fromkeys(check_slug(each, "annotation.assets") for each in given.assets))


def _changed(old: Annotation, given: contract.Annotation, fields: frozenset[str]) -> Annotation:
    new = old
    if "start_time" in fields:
        start_us = read_time(given, "start_time")
        # A moment stays one when it moves alone.
        end_us = start_us if old.end_us == old.start_us else old.end_us
        new = replace(new, start_us=start_us, end_us=end_us)
    if "end_time" in fields:
        new = replace(new, end_us=read_time(given, "end_time") if given.HasField("end_time") else new.start_us)
    if "assets" in fields:
        new = replace(new, assets=_assets(given))
    if "tag_ids" in fields:
        new = replace(new, tag_ids=tuple(dict.fromkeys(given.tag_ids)))
    return replace(new, text=given.text.strip()) if "text" in fields else new


def _message(tenant: str, stored: StoredAnnotation) -> contract.Annotation:
    given = stored.annotation
    message = contract.Annotation(
        name=annotation_name(tenant, given.id),
        start_time=write_time(given.start_us),
        end_time=write_time(given.end_us),
        assets=given.assets,
        tag_ids=given.tag_ids,
        text=given.text,
        author=stored.author,
        editor=stored.editor,
        etag=stored.etag,
    )
    message.create_time.FromDatetime(stored.create_time)
    message.update_time.FromDatetime(stored.update_time)
    return message
