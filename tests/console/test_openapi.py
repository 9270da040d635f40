"""The document describes the API that is there: no more and no less."""

import re
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from aiohttp import web
from openapi_spec_validator import validate

from secmon.console.application import application
from secmon.core.model import Verb
from tests.console.site import Lab, lab

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    async with lab(tmp_path_factory.mktemp("site")) as running:
        yield running


async def test_the_document_is_openapi(site: Lab) -> None:
    answer = await site.get("/api/v1/openapi.json", role="")
    assert answer.status == 200
    validate(answer.json)


async def test_every_route_is_in_the_document_and_the_other_way_round(site: Lab) -> None:
    routes = set(_routes(application(site.daemon)))
    documented = {
        (method.upper(), path)
        for path, item in site.promises.document["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert routes == documented


async def test_the_document_names_every_verb_of_the_contract(site: Lab) -> None:
    path = site.promises.document["paths"]["/api/v1/tickets/{number}/{verb}"]
    verbs = next(each for each in path["parameters"] if each["name"] == "verb")["schema"]["enum"]
    contract = "acknowledge assign arrive repair verify reject transfer close cancel note"
    assert verbs == contract.split()
    assert {*verbs, "report"} == {str(verb) for verb in Verb}


def _routes(app: web.Application) -> Iterator[tuple[str, str]]:
    for route in app.router.routes():
        info = route.resource.get_info() if route.resource else {}
        path = info.get("path") or info.get("formatter")
        if route.method != "HEAD" and path and re.match("/api/", path):
            yield route.method, path
