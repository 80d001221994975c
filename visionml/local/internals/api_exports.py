# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""REST APIs as OpenAPI documents."""

import functools
from datetime import UTC, datetime
from typing import Any

from ministack.services import apigateway_v1


def export_as_aws() -> None:
    """Say in exported documents when the API was made, and its stage as a variable, as AWS does."""
    build = apigateway_v1._build_api_export

    @functools.wraps(build)
    def wrapped(api_id: str, stage: str, export_type: str, *rest: Any) -> dict[str, Any]:
        document: dict[str, Any] = build(api_id, stage, export_type, *rest)
        api = apigateway_v1._rest_apis[api_id]
        made = datetime.fromtimestamp(float(api["createdDate"]), UTC)
        document["info"]["version"] = api.get("version") or f"{made:%Y-%m-%dT%H:%M:%SZ}"
        for server in document.get("servers", []):
            server["url"] = f"{server['url'].removesuffix(f'/{stage}')}/{{basePath}}"
            server["variables"] = {"basePath": {"default": f"/{stage}"}}
        return document

    apigateway_v1._build_api_export = wrapped
