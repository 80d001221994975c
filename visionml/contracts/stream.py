"""Where records lie in a stream, and what the queue of failures is told of them."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from visionml.contracts.inference import ErrorDetail


class StreamRange(BaseModel):
    """Neighbouring records of a shard, under the names that Lambda gives them."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    shard_id: str
    start_sequence_number: str
    end_sequence_number: str
    approximate_arrival_of_first_record: AwareDatetime
    approximate_arrival_of_last_record: AwareDatetime
    batch_size: int
    stream_arn: str


class GivenUp(BaseModel):
    """A message in the queue of failures: the consumer's own, or Lambda's, which has no reason."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    reason: ErrorDetail | None = None
    where: StreamRange = Field(alias="KinesisBatchInfo")
