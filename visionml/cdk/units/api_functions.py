"""The functions behind the API, each with what it may do."""

from typing import Any

from constructs import Construct

from visionml.cdk.units.buckets import Buckets
from visionml.cdk.units.handler import Handler, Handlers
from visionml.cdk.units.permissions import use_endpoint
from visionml.cdk.units.streams import Streams
from visionml.contracts.environment import AdapterEnvironment, UploadIssuerEnvironment
from visionml.contracts.layout import INFERENCE_UPLOADS
from visionml.contracts.names import METRIC_NAMESPACE


class ApiFunctions(Construct):
    """The adapter in front of the endpoint, and what takes images too large for a request."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        handlers: Handlers,
        buckets: Buckets,
        streams: Streams,
    ) -> None:
        super().__init__(scope, id)
        self._handlers, self._buckets, self._streams = handlers, buckets, streams
        self._names, self._settings = handlers.names, handlers.settings
        self._common: dict[str, Any] = {
            "powertools_service_name": "serving",
            "powertools_metrics_namespace": METRIC_NAMESPACE,
            "allowed_origins": ",".join(self._settings.serving.allowed_origins),
        }
        self.adapter = self._adapter()
        self.uploads = self._uploads()

    def _adapter(self) -> Handler:
        names, settings = self._names, self._settings
        adapter = self._handlers.add(
            "inference_adapter",
            AdapterEnvironment(
                **self._common,
                endpoint_name=names.endpoint,
                raw_bucket=self._buckets.name("raw"),
                upload_limit_bytes=settings.images.upload_limit_bytes,
                events_stream=names.events_stream,
            ),
            seconds=28,  # API Gateway waits 29
            memory_mb=512,
            reserved_concurrency=settings.serving.reserved_concurrency,
        )
        use_endpoint(adapter.role, names, "InvokeEndpoint")
        self._buckets.let_read(adapter.role, "raw", prefix=INFERENCE_UPLOADS)
        self._streams.let_write(adapter.role, names.events_stream)
        return adapter

    def _uploads(self) -> Handler:
        issuer = self._handlers.add(
            "upload_issuer",
            UploadIssuerEnvironment(
                **self._common,
                raw_bucket=self._buckets.name("raw"),
                upload_limit_bytes=self._settings.images.upload_limit_bytes,
            ),
        )
        # what a signed address allows is what its signer may do
        self._buckets.let_add(issuer.role, "raw", prefix=INFERENCE_UPLOADS)
        return issuer
