"""The objects of a list go straight to the engine; kopf sees an empty list, and where it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from dcs_migration_operator.kube.responses import response_class
from dcs_migration_operator.kube.session import Cluster, open_session
from unit.kube.apiserver import ApiServer, Reply, ok, refusal, serving

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


PATH: Final = "/apis/dcs.huaweicloud.com/v1alpha1/migrationtasks"
WHOLE: Final = {
    "kind": "MigrationTaskList",
    "metadata": {"resourceVersion": "7", "continue": "next"},
    "items": [{"metadata": {"uid": "u1"}}, {"metadata": {"uid": "u2"}}],
}

Pages = list[tuple[str, list[Any], bool]]


async def read(answer: Reply, pages: Pages) -> Any:
    """Return what kopf sees of an answer to a list, and note the pages."""

    def page(path: str, objects: Sequence[Mapping[str, Any]], *, last: bool) -> None:
        pages.append((path, list(objects), last))

    reads = response_class(is_echo=lambda *_: False, heard=lambda _: None, page=page)
    async with (
        serving(ApiServer(answer)) as url,
        open_session(Cluster(server=url, namespace="x"), 0, response_class=reads) as session,
        session.get(f"{url}{PATH}?limit=500") as response,
    ):
        return await response.json()


async def test_the_objects_of_a_page_are_handed_on_and_left_out() -> None:
    """What kopf needs to go on stays: the version of the list, and where its next page begins."""
    pages: Pages = []
    seen = await read(ok(WHOLE), pages)
    assert pages == [(PATH, WHOLE["items"], False)]
    assert seen == WHOLE | {"items": []}


@pytest.mark.parametrize("metadata", [{}, {"continue": ""}, None])
@pytest.mark.parametrize("items", [None, []])
async def test_a_page_may_be_empty(items: object, metadata: object) -> None:
    """Go writes an empty list as null; no or an empty token means that it was the last page."""
    pages: Pages = []
    assert (await read(ok({"metadata": metadata, "items": items}), pages))["items"] == []
    assert pages == [(PATH, [], True)]


async def test_what_is_no_object_is_left_out() -> None:
    """Only something between the API server and us would write it."""
    pages: Pages = []
    await read(ok({"items": [1, None, {"metadata": {}}, "x"]}), pages)
    assert pages == [(PATH, [{"metadata": {}}], True)]


@pytest.mark.parametrize(
    "answer", [refusal(403), ok({"items": [{}]}, 410), ok({"resources": []}), ok([1]), ok("x")]
)
async def test_whatever_is_no_list_passes_untouched(answer: Reply) -> None:
    """A refusal, the discovery of the group, and what is not even an object."""
    pages: Pages = []
    await read(answer, pages)
    assert pages == []
