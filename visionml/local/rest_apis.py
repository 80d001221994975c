"""What API Gateway does around the calls of REST APIs: checks, cache, exports, metrics, logs."""

from visionml.local import access_logs, metrics, ministack
from visionml.local.api_cache import Cache
from visionml.local.ministack import ApiCall


def install() -> None:
    """Do it from now on."""
    ministack.match_request_models()
    ministack.keep_stage_settings()
    ministack.export_as_aws()
    ministack.keep_answers(Cache())
    ministack.on_api_call(_told)


def _told(call: ApiCall) -> None:
    metrics.count_api_call(call)
    access_logs.write(call)
