"""Holds answers against the OpenAPI document that the daemon gives of itself."""

import re
from collections.abc import Mapping
from typing import Any

from jsonschema import (  # type: ignore[import-untyped]  # it has no types
    Draft202012Validator,
    FormatChecker,
)

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

formats = FormatChecker()


@formats.checks("date-time")
def _utc(value: object) -> bool:
    """RFC 3339 in UTC, written with Z: what CONTRACT 5 promises."""
    return not isinstance(value, str) or TIME.fullmatch(value) is not None


class Promises:
    """What the document promises of every path, method and status."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._paths = {
            re.compile(re.sub(r"{\w+}", "[^/]+", path)): item
            for path, item in document["paths"].items()
        }

    def kept(self, method: str, path: str, status: int, content: str, body: object) -> None:
        """AssertionError where an answer is not as the document says."""
        if not path.startswith("/api/"):
            return
        call = self._call(method, path.partition("?")[0])
        if call is None:
            assert status in (401, 404, 405, 429), f"{method} {path}: {status} of an unknown path"
            answer = {"application/problem+json": {"schema": _ref("Problem")}}
        else:
            known = call["responses"]
            assert str(status) in known, f"{method} {path}: {status} is not in the document"
            answer = known[str(status)]["content"]
        assert content in answer, f"{method} {path}: {content}, expected {list(answer)}"
        self.validate(answer[content]["schema"], body)

    def validate(self, schema: Mapping[str, Any], body: object) -> None:
        whole = {**schema, "components": self.document["components"]}
        Draft202012Validator(_closed(whole), format_checker=formats).validate(body)

    def _call(self, method: str, path: str) -> Any:
        for pattern, item in self._paths.items():
            if pattern.fullmatch(path):
                return item.get(method.lower())
        return None


def _ref(name: str) -> Mapping[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _closed(schema: Any) -> Any:
    """The schema with every object that names its properties allowing no others: an answer must
    not hold what the document does not know."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    named = "properties" in schema and isinstance(schema["properties"], dict)
    if named and schema.get("type") == "object" and "additionalProperties" not in schema:
        closed["additionalProperties"] = False
    return closed
