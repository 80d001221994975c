"""The functions behind the API, each with what it may do."""

from typing import Any

from constructs import Construct

from visionml.cdk.units.buckets import Buckets
from visionml.cdk.units.handler import Handler, Handlers
from visionml.cdk.units.permissions import allow, arn, use_endpoint
from visionml.cdk.units.predictions import Predictions
from visionml.cdk.units.request_consumer import RequestConsumer
from visionml.cdk.units.streams import Streams
from visionml.cdk.units.truths import TruthFunctions
from visionml.contracts.environment import (
    AdapterEnvironment,
    HealthReporterEnvironment,
    PredictionAcceptorEnvironment,
    PredictionReaderEnvironment,
    UploadIssuerEnvironment,
)
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
        predictions: Predictions,
    ) -> None:
        super().__init__(scope, id)
        self._handlers, self._buckets, self._streams = handlers, buckets, streams
        self._predictions = predictions
        self._names, self._settings = handlers.names, handlers.settings
        self._common: dict[str, Any] = {
            "powertools_service_name": "serving",
            "powertools_metrics_namespace": METRIC_NAMESPACE,
        }
        self._answering: dict[str, Any] = {
            **self._common,
            "allowed_origins": ",".join(self._settings.serving.allowed_origins),
        }
        self._images: dict[str, Any] = {
            "raw_bucket": buckets.name("raw"),
            "upload_limit_bytes": self._settings.images.upload_limit_bytes,
        }
        self._collected: dict[str, Any] = {
            "predictions_table": self._names.predictions_table,
            "results_days": self._settings.retention.results_days,
        }
        self.adapter = self._adapter()
        self.uploads = self._uploads()
        self.acceptor = self._acceptor()
        self.reader = self._reader()
        self.requests = RequestConsumer(
            self,
            "Requests",
            handlers=handlers,
            buckets=buckets,
            streams=streams,
            predictions=predictions,
            environment={**self._common, **self._images, **self._collected},
            asking=self._asking(),
        )
        self.health = self._health()
        self.truths = TruthFunctions(
            self,
            "Truths",
            handlers=handlers,
            buckets=buckets,
            streams=streams,
            predictions=predictions,
            common=self._common,
            answering=self._answering,
        )

    def _adapter(self) -> Handler:
        names, settings = self._names, self._settings
        adapter = self._handlers.add(
            "inference_adapter",
            AdapterEnvironment(
                **self._answering,
                **self._images,
                endpoint_name=names.endpoint,
                assignment=settings.serving.assignment,
                events_stream=names.events_stream,
            ),
            seconds=28,  # API Gateway waits 29
            memory_mb=512,
            reserved_concurrency=settings.serving.reserved_concurrency,
        )
        use_endpoint(adapter.role, names, *self._asking())
        self._buckets.let_read(adapter.role, "raw", prefix=INFERENCE_UPLOADS)
        self._streams.let_write(adapter.role, names.events_stream)
        return adapter

    def _asking(self) -> tuple[str, ...]:
        """Return what one does to the endpoint who asks it for predictions."""
        sticky = self._settings.serving.assignment == "sticky"
        return ("InvokeEndpoint", "DescribeEndpoint") if sticky else ("InvokeEndpoint",)

    def _uploads(self) -> Handler:
        issuer = self._handlers.add(
            "upload_issuer",
            UploadIssuerEnvironment(**self._answering, **self._images),
        )
        # what a signed address allows is what its signer may do
        self._buckets.let_add(issuer.role, "raw", prefix=INFERENCE_UPLOADS)
        return issuer

    def _acceptor(self) -> Handler:
        names = self._names
        acceptor = self._handlers.add(
            "prediction_acceptor",
            PredictionAcceptorEnvironment(
                **self._answering,
                **self._images,
                **self._collected,
                requests_stream=names.requests_stream,
            ),
            memory_mb=512,
        )
        self._buckets.let_add(acceptor.role, "raw", prefix=INFERENCE_UPLOADS)
        self._predictions.let(acceptor.role, "PutItem")
        self._streams.let_write(acceptor.role, names.requests_stream)
        return acceptor

    def _reader(self) -> Handler:
        reader = self._handlers.add(
            "prediction_reader",
            PredictionReaderEnvironment(**self._answering, **self._collected),
        )
        self._predictions.let(reader.role, "GetItem")
        return reader

    def _health(self) -> Handler:
        names = self._names
        health = self._handlers.add(
            "health_reporter",
            HealthReporterEnvironment(
                **self._answering,
                endpoint_name=names.endpoint,
                resource_prefix=names.prefix,
            ),
        )
        use_endpoint(health.role, names, "DescribeEndpoint")
        active = arn(health.role, "ssm", f"parameter{names.active_version_parameter}")
        allow(health.role, ["ssm:GetParameter"], [active])
        return health
