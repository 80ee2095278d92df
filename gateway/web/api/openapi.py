"""Describes the API from its table of routes (OpenAPI 3.1): nothing is said twice, so nothing can be said wrong."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec

from gateway.web.api.route import Problem, Route
from gateway.web.problem import MEDIA_TYPE

VERSION = "3.1.0"
ZIP = "application/zip"
HTML = "text/html"
_REF = "#/components/schemas/{name}"
NAME = {"type": "string", "minLength": 1, "maxLength": 128}


def describe(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """The whole document."""
    routes = list(routes)
    kinds = [Problem, *(kind for route in routes for kind in _kinds(route))]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    by_kind = dict(zip(map(repr, kinds), schemas, strict=True))
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_kind)
    return {
        "openapi": VERSION,
        "info": {
            "title": "Collections notification gateway", "version": version,
            "description": "Reminders in, receipts out, and the reason for every message that did not go.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "`<id>.<secret>` of a key in `web.keys`"}
            },
        },
    }  # fmt: skip


def _kinds(route: Route) -> list[Any]:
    return [kind for kind in (route.body, *route.answers.values()) if kind not in (None, bytes, str)]


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name, "summary": route.summary,
        "description": f"For the roles {', '.join(sorted(route.roles))}." if route.roles else "For everybody.",
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": {
            **{str(status): _success(status, kind, schemas) for status, kind in route.answers.items()},
            **{str(status): _problem(status, schemas) for status in sorted({401, 403, 422, 503, *route.problems})},
        },
    }  # fmt: skip
    if route.body is not None:
        one = schemas[repr(route.body)]
        schema = (
            {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": 1000}]} if route.many else one
        )
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
        operation["responses"]["408"] = _problem(408, schemas)
    if route.public:
        operation["security"] = []
    if route.match:
        operation["parameters"].append({
            "name": "If-Match", "in": "header", "required": True,
            "schema": {"type": "string", "pattern": "^\"[0-9a-f]{64}\"$"},
            "description": "The digest of what was looked at, in quotes.",
        })  # fmt: skip
    if route.once:
        operation["parameters"].append({
            "name": "Idempotency-Key", "in": "header", "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
            "description": "The same key and body within 24 hours: the same answer, and nothing is done twice.",
        })  # fmt: skip
    return operation


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": NAME}
        for name in re.findall(r"\{(\w+)", route.path)
    ]  # fmt: skip


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    schema = msgspec.json.schema(route.query)
    definition = next(iter(schema["$defs"].values()))
    needed = definition.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in needed, "schema": _plain(one)}
        for name, one in definition["properties"].items()
    ]  # fmt: skip


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema: that it may be left out is said by `required`, so null is no value of it."""
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    left = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**left, **(kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {})}


def _success(status: int, kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if kind is bytes:
        told["content"] = {ZIP: {}}
    elif kind is str:
        told["content"] = {HTML: {}}
    elif kind is not None:
        told["content"] = {"application/json": {"schema": schemas[repr(kind)]}}
    return told


def _problem(status: int, schemas: dict[str, Any]) -> dict[str, Any]:
    title = {422: "Unprocessable Content", 413: "Content Too Large"}.get(status) or HTTPStatus(status).phrase
    return {"description": title, "content": {MEDIA_TYPE: {"schema": schemas[repr(Problem)]}}}
