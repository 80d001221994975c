"""An update of the serving stack must never put the endpoint back on the seed."""

import pytest

from tests.infra.conftest import Synthesise, Synthesised

SEED_IMAGE = "3b1a76cfb83e2f2983accd9d518fa4f0b20db0a675b61b7d54da0892d1917573"
KINDS = ("AWS::SageMaker::Model", "AWS::SageMaker::EndpointConfig", "AWS::SageMaker::Endpoint")


def test_the_endpoint_is_created_without_a_model(environment: Synthesised) -> None:
    (model,) = environment.properties("AWS::SageMaker::Model")
    (config,) = environment.properties("AWS::SageMaker::EndpointConfig")
    (endpoint,) = environment.properties("AWS::SageMaker::Endpoint")
    prefix = f"ml-pipeline-seed-{environment.settings.environment}-us-east-1"

    assert "ModelDataUrl" not in model["PrimaryContainer"]
    assert model["ModelName"] == config["EndpointConfigName"] == prefix
    assert endpoint["EndpointConfigName"] == prefix
    assert config["ProductionVariants"][0]["VariantName"] == "ModelA"


def test_the_seed_image_is_the_one_that_endpoints_run(environment: Synthesised) -> None:
    """A new hash would replace the model of every endpoint: see infra/images/seed/Dockerfile."""
    (model,) = environment.properties("AWS::SageMaker::Model")

    assert model["PrimaryContainer"]["Image"]["Fn::Sub"].rsplit(":", 1)[1] == SEED_IMAGE


def test_no_setting_reaches_the_seed(synthesised: Synthesise, overridden: Synthesised) -> None:
    usual = synthesised("dev")

    for kind in KINDS:
        assert overridden.resources(kind) == usual.resources(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_logical_ids_of_the_seed_are_pinned(environment: Synthesised, kind: str) -> None:
    ((path, _),) = environment.resources(kind).items()

    assert path.split("/")[1] in {"SeedModel", "SeedEndpointConfig", "Endpoint"}
