"""The function that makes the predictions which the requests stream asks for."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk.aws_kinesis import CfnStreamConsumer
from aws_cdk.aws_lambda import CfnEventSourceMapping, EventSourceMapping, StartingPosition
from constructs import Construct

from visionml.cdk.units.buckets import Buckets
from visionml.cdk.units.handler import Handler, Handlers
from visionml.cdk.units.permissions import arn, use_endpoint
from visionml.cdk.units.predictions import Predictions
from visionml.cdk.units.streams import Streams
from visionml.contracts.environment import PredictionConsumerEnvironment
from visionml.contracts.layout import INFERENCE_UPLOADS

_ENDING_SECONDS = 300
"""For a batch whose every image takes as long as the consumer lets it, after all its patience."""
_LONGEST_SECONDS = 900
"""Of a function: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html."""


class RequestConsumer(Construct):
    """Reads ``requests``, writes predictions and ``events``; its failures go to the queue."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        handlers: Handlers,
        buckets: Buckets,
        streams: Streams,
        predictions: Predictions,
        environment: Mapping[str, Any],
        asking: Sequence[str],
    ) -> None:
        """Take what the function's environment has in common, and what it does to the endpoint."""
        super().__init__(scope, id)
        self._names, self._settings = handlers.names, handlers.settings
        self._seconds = min(
            self._settings.stream.patience_seconds + _ENDING_SECONDS, _LONGEST_SECONDS
        )
        self.consumer = self._function(handlers, environment)
        role, names = self.consumer.role, self._names
        use_endpoint(role, names, *asking)
        buckets.let_read(role, "raw", prefix=INFERENCE_UPLOADS)
        predictions.let(role, "BatchGetItem", "GetItem", "PutItem", "UpdateItem")
        streams.let_read(role, names.requests_stream)
        streams.let_tell_of_failures(role)
        streams.let_write(role, names.events_stream, together=True)
        self._map(streams)

    def _function(self, handlers: Handlers, environment: Mapping[str, Any]) -> Handler:
        stack, names, stream = Stack.of(self), self._names, self._settings.stream
        queue = f"{stack.account}/{names.failed_requests_queue}"
        return handlers.add(
            "prediction_consumer",
            PredictionConsumerEnvironment(
                **environment,
                endpoint_name=names.endpoint,
                assignment=self._settings.serving.assignment,
                events_stream=names.events_stream,
                failures_queue=f"https://sqs.{stack.region}.{stack.url_suffix}/{queue}",
                concurrency=stream.concurrency,
                images_per_invocation=stream.images_per_invocation,
                # that images go together must not ring the alarm on how long invocations take
                invocation_milliseconds=self._settings.alarms.latency_average_ms // 2,
                patience_seconds=stream.patience_seconds,
                maximum_age_seconds=stream.maximum_age_seconds,
            ),
            seconds=self._seconds,
            memory_mb=512,
        )

    def _map(self, streams: Streams) -> None:
        stream, consumer = self._settings.stream, self.consumer
        source = arn(consumer.role, "kinesis", f"stream/{self._names.requests_stream}")
        if stream.enhanced_fan_out:
            name = self._names.name("prediction-consumer")
            registered = CfnStreamConsumer(self, "FanOut", consumer_name=name, stream_arn=source)
            streams.let_subscribe(consumer.role, self._names.requests_stream, name)
            source = registered.ref
        mapping = EventSourceMapping(
            self,
            "Mapping",
            target=consumer.function,
            event_source_arn=source,
            starting_position=StartingPosition.TRIM_HORIZON,
            batch_size=stream.batch,
            max_batching_window=Duration.seconds(stream.window_seconds),
            parallelization_factor=stream.parallelization_factor,
            report_batch_item_failures=True,
            bisect_batch_on_error=True,
            retry_attempts=stream.retry_attempts,
            # the consumer itself says of a request that it is too old, while it works
            max_record_age=Duration.seconds(stream.maximum_age_seconds + 2 * self._seconds),
        )
        mapping.node.add_dependency(consumer.role)
        cfn = mapping.node.default_child
        assert isinstance(cfn, CfnEventSourceMapping)  # noqa: S101 - narrows the type
        told = arn(consumer.role, "sqs", self._names.failed_requests_queue)
        cfn.destination_config = CfnEventSourceMapping.DestinationConfigProperty(
            on_failure=CfnEventSourceMapping.OnFailureProperty(destination=told)
        )
