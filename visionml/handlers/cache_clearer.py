"""Clears the API's cache once other models may be in production."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws import rest_api
from visionml.aws.session import Aws
from visionml.contracts.environment import CacheClearerEnvironment
from visionml.handlers.observability import Event, count, observed

environment = CacheClearerEnvironment.read()
apigateway = Aws().client("apigateway")


@observed
def handler(_event: Event, _context: LambdaContext) -> Event:
    """Forget what is kept, whatever the event says."""
    rest_api.clear_cache(apigateway, environment.api_id, environment.api_stage)
    count("CachesCleared")
    return {}
