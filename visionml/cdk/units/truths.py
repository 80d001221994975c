"""The functions that keep answers and are told what their images really showed."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration
from aws_cdk.aws_lambda import EventSourceMapping, StartingPosition
from constructs import Construct

from visionml.cdk.units.buckets import Buckets
from visionml.cdk.units.handler import Handler, Handlers
from visionml.cdk.units.permissions import arn
from visionml.cdk.units.predictions import Predictions
from visionml.cdk.units.streams import Streams
from visionml.contracts.environment import AnswerKeeperEnvironment, GroundTruthEnvironment
from visionml.contracts.tables import GROUND_TRUTHS

_BATCH = 100
_WAIT_SECONDS = 1


class TruthFunctions(Construct):
    """``keeper`` reads the events stream; ``teller`` answers ``POST /predictions/{id}/truth``."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        handlers: Handlers,
        buckets: Buckets,
        streams: Streams,
        predictions: Predictions,
        common: Mapping[str, Any],
        answering: Mapping[str, Any],
    ) -> None:
        super().__init__(scope, id)
        kept: dict[str, Any] = {
            "predictions_table": handlers.names.predictions_table,
            "results_days": handlers.settings.retention.results_days,
        }
        self.keeper = handlers.add("answer_keeper", AnswerKeeperEnvironment(**common, **kept))
        predictions.let(self.keeper.role, "BatchWriteItem")
        self._read(streams, handlers.names.events_stream)
        self.teller = handlers.add(
            "ground_truth",
            GroundTruthEnvironment(
                **answering,
                **kept,
                models_bucket=buckets.name("models"),
                results_bucket=buckets.name("results"),
            ),
        )
        # a transaction of two writes is allowed by what allows each of them
        predictions.let(self.teller.role, "Query", "PutItem", "UpdateItem")
        buckets.let_read(self.teller.role, "models", prefix="runs/")
        buckets.let_add(self.teller.role, "results", prefix=GROUND_TRUTHS.prefix)

    def _read(self, streams: Streams, name: str) -> None:
        keeper: Handler = self.keeper
        streams.let_read(keeper.role, name)
        mapping = EventSourceMapping(
            self,
            "Events",
            target=keeper.function,
            event_source_arn=arn(keeper.role, "kinesis", f"stream/{name}"),
            starting_position=StartingPosition.TRIM_HORIZON,
            batch_size=_BATCH,
            max_batching_window=Duration.seconds(_WAIT_SECONDS),
            bisect_batch_on_error=True,
            max_record_age=Duration.hours(12),
        )
        mapping.node.add_dependency(keeper.role)
