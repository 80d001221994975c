"""API Gateway's access logs: a line a call, in the format of the stage."""

import logging
import re
import time
from datetime import UTC, datetime

from visionml.local import ministack
from visionml.local.ministack import ApiCall

log = logging.getLogger(__name__)

_VARIABLE = re.compile(r"\$context\.([A-Za-z0-9_.]+)")
_ABSENT = "-"


def write(call: ApiCall) -> None:
    """Append a call's line to the log group that its stage names, if it names one."""
    destination, layout = call.access_log
    if not destination or not layout:
        return
    group = destination.partition(":log-group:")[2].removesuffix(":*")
    try:
        ministack.put_log_events(group, f"{call.api_id}-{call.stage}", [line(call, layout)])
    except Exception:  # an answer is not lost with its line
        log.exception("The access log of %s lost a line.", call.api)


def line(call: ApiCall, layout: str) -> str:
    """Return the line of a call; a variable without a value is a dash, as on AWS."""
    known = _variables(call)
    return _VARIABLE.sub(lambda found: known.get(found[1], _ABSENT) or _ABSENT, layout).strip()


def _variables(call: ApiCall) -> dict[str, str]:
    ended = datetime.fromtimestamp(time.time(), UTC)
    integration = call.integration_seconds
    return {
        "apiId": call.api_id,
        "stage": call.stage,
        "requestId": call.request_id,
        "extendedRequestId": call.request_id,
        "requestTime": f"{ended:%d/%b/%Y:%H:%M:%S +0000}",
        "requestTimeEpoch": str(int(ended.timestamp() * 1000)),
        "httpMethod": call.method,
        "path": f"/{call.stage}{call.path}",
        "resourcePath": call.resource_path,
        "protocol": "HTTP/1.1",
        "status": str(call.status),
        "responseLength": str(call.response_bytes),
        "responseLatency": str(round(1000 * call.seconds)),
        "integrationLatency": "" if integration is None else str(round(1000 * integration)),
        "integration.latency": "" if integration is None else str(round(1000 * integration)),
        "identity.apiKeyId": call.api_key_id,
        "identity.sourceIp": call.source_ip,
        "identity.userAgent": call.user_agent,
        "error.message": call.error,
        "error.responseType": call.error_type,
    }
