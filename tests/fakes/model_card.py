"""SageMaker's schema of a model package's card, version 0.1.0, without its descriptions.

docs.aws.amazon.com/sagemaker/latest/dg/model-registry-details.html#model-card-schema; where the
original says ``maxContains`` or puts ``maxItems`` inside of ``items``, ``maxItems`` stands here.
"""

from typing import Any

Schema = dict[str, Any]


def text(maximum: int) -> Schema:
    return {"type": "string", "maxLength": maximum}


def items(of: Schema, **limits: int) -> Schema:
    return {"type": "array", "items": of, **limits}


def closed(properties: dict[str, Schema], *required: str) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": list(required),
    }


NAME_63: Schema = {"type": "string", "pattern": "^.{1,63}$"}
NAME_255: Schema = {"type": "string", "pattern": "^.{1,255}$"}
NUMBER: Schema = {"type": "number"}
AXIS, AXES = text(63), items(text(63))


def metric(kind: list[str], value: Schema, x_axis: Schema, y_axis: Schema) -> Schema:
    properties = {
        "name": NAME_255,
        "notes": text(1024),
        "type": {"enum": kind},
        "value": value,
        "x_axis_name": x_axis,
        "y_axis_name": y_axis,
    }
    return closed(properties, "name", "type", "value")


METRICS = [
    metric(
        ["number", "string", "boolean"],
        {"anyOf": [NUMBER, text(63), {"type": "boolean"}]},
        AXIS,
        AXIS,
    ),
    metric(["linear_graph"], items(items(NUMBER, minItems=2, maxItems=2), minItems=1), AXIS, AXIS),
    metric(["bar_chart"], items(NUMBER, minItems=1), AXES, AXIS),
    metric(
        ["matrix"],
        items(items(NUMBER, minItems=1, maxItems=20), minItems=1, maxItems=20),
        AXES,
        AXES,
    ),
]
TRAINING_METRICS = items(
    closed({"name": NAME_255, "notes": text(1024), "value": NUMBER}, "name", "value"), maxItems=50
)
HYPERPARAMETERS = items(
    closed({"name": NAME_255, "value": NAME_255}, "name", "value"), maxItems=100
)

SCHEMA = closed(
    {
        "model_overview": closed(
            {"model_creator": text(1024), "model_artifact": items(text(1024), maxItems=15)}
        ),
        "intended_uses": closed(
            {
                "purpose_of_model": text(2048),
                "intended_uses": text(2048),
                "factors_affecting_model_efficiency": text(2048),
                "risk_rating": {"enum": ["High", "Medium", "Low", "Unknown"]},
                "explanations_for_risk_rating": text(2048),
            }
        ),
        "business_details": closed(
            {
                "business_problem": text(2048),
                "business_stakeholders": text(2048),
                "line_of_business": text(2048),
            }
        ),
        "training_details": closed(
            {
                "objective_function": {"type": "object"},
                "training_observations": text(1024),
                "training_job_details": closed(
                    {
                        "training_arn": text(1024),
                        "training_datasets": items(text(1024), maxItems=15),
                        "training_environment": closed(
                            {"container_image": items(text(1024), maxItems=15)}
                        ),
                        "training_metrics": TRAINING_METRICS,
                        "user_provided_training_metrics": TRAINING_METRICS,
                        "hyper_parameters": HYPERPARAMETERS,
                        "user_provided_hyper_parameters": HYPERPARAMETERS,
                    }
                ),
            }
        ),
        "evaluation_details": items(
            closed(
                {
                    "name": NAME_63,
                    "evaluation_observation": text(2096),
                    "evaluation_job_arn": text(256),
                    "datasets": items(text(1024), maxItems=10),
                    "metadata": {"type": "object", "additionalProperties": text(1024)},
                    "metric_groups": items(
                        closed(
                            {"name": NAME_63, "metric_data": items({"anyOf": METRICS})},
                            "name",
                            "metric_data",
                        )
                    ),
                },
                "name",
            )
        ),
        "additional_information": closed(
            {
                "ethical_considerations": text(2048),
                "caveats_and_recommendations": text(2048),
                "custom_details": {"type": "object", "additionalProperties": text(1024)},
            }
        ),
    }
)
