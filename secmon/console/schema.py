"""Pieces that the OpenAPI description is built of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Schema = dict[str, object]

TEXT: Schema = {"type": "string"}
TIME: Schema = {"type": "string", "format": "date-time"}
MAYBE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
VALUE: Schema = {"type": ["string", "number", "boolean", "null"]}
FLAG: Schema = {"type": "boolean"}
MAYBE: Schema = {"type": ["boolean", "null"]}
WHOLE: Schema = {"type": "integer"}


OPTIONAL = ("journal", "attachments", "evidence", "checklists")  # what a listing leaves out


def call(
    name: str,
    summary: str,
    answer: Schema,
    more_errors: tuple[int, ...] = (),
    *,
    parameters: list[Schema] | None = None,
    body: str = "",
    good: int = 200,
    errors: tuple[int, ...] = (401, 403, 429, 503),
) -> Schema:
    call: Schema = {
        "operationId": name,
        "summary": summary,
        "responses": {
            str(good): {
                "description": "done" if body else "as asked",
                "content": {"application/json": {"schema": answer}},
            },
            **problems((*errors, *more_errors, *((413, 415) if body else ()))),
        },
    }
    if name == "openapi":
        call["security"] = []
    if parameters:
        call["parameters"] = parameters
    if body:
        call["requestBody"] = {"content": {"application/json": {"schema": ref(body)}}}
    return call


def problems(codes: tuple[int, ...]) -> Mapping[str, object]:
    said = {
        400: "the request is wrong; says what was expected",
        401: "no or an unknown token or session",
        403: "the role may not do this, or another site's page sent it",
        404: "there is no such thing",
        409: "the present state does not allow it; of a ticket it carries the present one",
        413: "the body is longer than 64 KiB, a file than 10 MB",
        415: "the body is not application/json, a file neither picture nor PDF",
        429: "too many wrong tokens",
        502: "the channel did not take it",
        503: "the store is away",
    }
    schema = {"application/problem+json": {"schema": ref("Problem")}}
    return {
        str(code): {"description": said[code], "content": schema} for code in sorted(set(codes))
    }


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def thing(properties: Schema, required: list[str] | None = None) -> Schema:
    wanted = [key for key in properties if key not in OPTIONAL] if required is None else required
    return {"type": "object", "properties": properties, "required": wanted}


def one_of(words: Iterable[str]) -> Schema:
    return {"enum": [str(word) for word in words]}


def parameter(name: str, place: str, schema: Schema, about: str = "") -> Schema:
    more: Schema = {"description": about} if about else {}
    return {"name": name, "in": place, "required": place == "path", "schema": schema, **more}


def listed(key: str, item: str) -> Schema:
    return thing({key: array(ref(item))})
