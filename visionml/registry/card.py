"""The model card of a package: what a person wants to know before they trust the model.

Its schema is SageMaker's for the cards of model packages: docs.aws.amazon.com/sagemaker/latest/dg/
model-registry-details.html#model-card-schema. Longer texts than it allows are cut.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from visionml.contracts.evaluation import EvaluationReport, Interval
from visionml.contracts.training import RegistrationRequest

_TEXT, _OBSERVATION, _DETAIL, _NAME = 2048, 2096, 1024, 63
_MATRIX_SIDE = 20
_BARS = 40

Part = dict[str, Any]


def content(
    wanted: RegistrationRequest,
    report: EvaluationReport,
    *,
    image: str,
    dataset: Mapping[str, JsonValue] | None = None,
) -> str:
    """Return the card's content, as JSON on one line.

    `dataset` holds the facts that lineage knows of the dataset version, such as ``images``.
    """
    card = {
        "model_overview": {
            "model_creator": _cut(f"training run {wanted.request.run_id}", _DETAIL),
            "model_artifact": [_cut(wanted.artefact_s3_uri, _DETAIL)],
        },
        "intended_uses": _intended_uses(report),
        "training_details": _training(wanted, report, image=image, dataset=dataset or {}),
        "evaluation_details": [_evaluation(wanted, report)],
        "additional_information": _additional(wanted, report, dataset=dataset or {}),
    }
    return json.dumps(card, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _intended_uses(report: EvaluationReport) -> Part:
    classes = ", ".join(report.classes)
    purpose = f"Tells which of {len(report.classes)} classes an image shows: {classes}."
    return {
        "purpose_of_model": _cut(purpose, _TEXT),
        "intended_uses": _cut(
            f"Images like those of the dataset {report.dataset}. An image of anything else is "
            "given one of these classes too.",
            _TEXT,
        ),
        "factors_affecting_model_efficiency": _cut(_weak_spots(report), _TEXT),
        "risk_rating": "Unknown",
        "explanations_for_risk_rating": "No person has rated the risk of this model.",
    }


def _training(
    wanted: RegistrationRequest,
    report: EvaluationReport,
    *,
    image: str,
    dataset: Mapping[str, JsonValue],
) -> Part:
    trained_on = f"{report.dataset}@{report.dataset_version}"
    if "train" in dataset and "validation" in dataset:
        trained_on += f": {dataset['train']} training, {dataset['validation']} validation images"
    details: Part = {
        "training_datasets": [_cut(trained_on, _DETAIL)],
        "training_environment": {"container_image": [_cut(image, _DETAIL)]},
    }
    record = report.record
    if record:
        settings = {
            "architecture": record.architecture,
            "image_size": f"{record.input.height} x {record.input.width}",
            "seed": str(record.seed),
            **record.hyperparameters,
        }
        details["user_provided_training_metrics"] = [
            {"name": _cut(name, 255), "value": value}
            for name, value in list(record.metrics.items())[:50]
        ]
        details["user_provided_hyper_parameters"] = [
            {"name": _cut(name, 255), "value": _cut(value, 255)}
            for name, value in list(settings.items())[:100]
            if value
        ]
    return {
        "training_observations": _cut(
            f"Trained by the run {wanted.request.run_id}; the metrics are those of its best epoch.",
            _DETAIL,
        ),
        "training_job_details": details,
    }


def _evaluation(wanted: RegistrationRequest, report: EvaluationReport) -> Part:
    groups = [
        {"name": "figures", "metric_data": _figures(report)},
        {
            "name": "gates",
            "metric_data": [
                {
                    "name": gate.gate,
                    "type": "boolean",
                    "value": gate.passed,
                    "notes": f"{gate.bound} {gate.threshold:g}, measured "
                    f"{'nothing' if gate.value is None else format(gate.value, '.4f')}",
                }
                for gate in wanted.verdict.gates
            ],
        },
        {"name": "classes", "metric_data": _classes(report)},
        {"name": "calibration", "metric_data": _reliability(report)},
        {"name": "slices", "metric_data": _slices(report)},
    ]
    return {
        "name": "holdout",
        "evaluation_observation": _cut(wanted.verdict.reason, _OBSERVATION),
        "datasets": [
            _cut(
                f"{report.dataset}@{report.dataset_version}: {report.images} holdout images",
                _DETAIL,
            )
        ],
        "metadata": {"report": _cut(wanted.evaluation_s3_uri, _DETAIL)},
        "metric_groups": [group for group in groups if group["metric_data"]],
    }


def _figures(report: EvaluationReport) -> list[Part]:
    found: dict[str, float | None] = {
        "accuracy": report.accuracy,
        "macro_precision": report.macro_precision,
        "macro_recall": report.macro_recall,
        "macro_f1": report.macro_f1,
        "ece": report.calibration.ece if report.calibration else None,
        "roc_auc": report.roc_auc.macro if report.roc_auc else None,
        "latency_p50_ms": report.latency_ms.p50 if report.latency_ms else None,
        "latency_p99_ms": report.latency_ms.p99 if report.latency_ms else None,
        "images_per_second": report.images_per_second,
    }
    return [
        _number(name, value, report.intervals.get(name))
        for name, value in found.items()
        if value is not None
    ]


def _classes(report: EvaluationReport) -> list[Part]:
    """Return the recall of the classes, the worst of many, and the confusion of few."""
    worst = sorted(report.classes.items(), key=lambda item: item[1].recall)[:_BARS]
    if not worst:
        return []
    names = [_cut(name, _NAME) for name in report.classes]
    made: list[Part] = [
        {
            "name": "recall",
            "type": "bar_chart",
            "value": [figures.recall for _, figures in worst],
            "x_axis_name": [_cut(name, _NAME) for name, _ in worst],
            "y_axis_name": "recall",
        }
    ]
    if len(names) <= _MATRIX_SIDE:
        made.append(
            {
                "name": "confusion",
                "notes": "Rows are true classes, columns predicted ones.",
                "type": "matrix",
                "value": report.confusion,
                "x_axis_name": names,
                "y_axis_name": names,
            }
        )
    return made


def _reliability(report: EvaluationReport) -> list[Part]:
    if not report.calibration:
        return []
    return [
        {
            "name": "reliability",
            "type": "linear_graph",
            "value": [[part.confidence, part.accuracy] for part in report.calibration.bins],
            "x_axis_name": "confidence",
            "y_axis_name": "accuracy",
        }
    ]


def _slices(report: EvaluationReport) -> list[Part]:
    return [
        {
            "name": f"accuracy by {measure}",
            "type": "bar_chart",
            "value": [part.accuracy for part in parts],
            "x_axis_name": [part.name for part in parts],
            "y_axis_name": "accuracy",
        }
        for measure, parts in report.slices.items()
        if parts
    ]


def _additional(
    wanted: RegistrationRequest, report: EvaluationReport, *, dataset: Mapping[str, JsonValue]
) -> Part:
    details = {
        "run_id": wanted.request.run_id,
        "dataset": report.dataset,
        "dataset_version": report.dataset_version,
        "recommended": "yes" if wanted.verdict.recommended else "no",
    }
    if report.record:
        details |= {
            "code_version": report.record.code_version,
            "onnx_sha256": report.record.onnx_sha256,
        }
    details |= {f"dataset_{name}": str(value) for name, value in dataset.items() if value}
    return {
        "ethical_considerations": "Whether the images show people, and whether errors fall "
        "unevenly on groups of them, has not been assessed.",
        "caveats_and_recommendations": _cut(_caveats(report), _TEXT),
        "custom_details": {_cut(k, _NAME): _cut(v, _DETAIL) for k, v in details.items()},
    }


def _weak_spots(report: EvaluationReport) -> str:
    told = []
    for measure, parts in report.slices.items():
        worst = min(parts, key=lambda part: part.accuracy, default=None)
        if worst and len(parts) > 1:
            told.append(f"{measure}: {worst.accuracy:.4f} of the {worst.name} quarter")
    if not told:
        return "Accuracy was not measured by brightness, sharpness or size."
    return f"Lowest accuracy by measure of the image, {'; '.join(told)}."


def _caveats(report: EvaluationReport) -> str:
    told = []
    if report.unseen:
        told.append(f"The holdout has no image of: {', '.join(report.unseen)}.")
    chosen, effect = report.threshold, report.at_threshold
    if chosen and effect and effect.accuracy is not None:
        told.append(
            f"Answering only at a confidence of {chosen.value:.4f} or more answers "
            f"{effect.coverage:.2%} of the holdout with an accuracy of {effect.accuracy:.2%}."
        )
    if report.comparison:
        told.append(f"Against the serving model: {report.comparison.reason}.")
    told.append("Latency is of one image on one core, without decoding and transport.")
    return " ".join(told)


def _number(name: str, value: float, interval: Interval | None) -> Part:
    made: Part = {"name": name, "type": "number", "value": value}
    if interval:
        made["notes"] = f"95 % bootstrap interval {interval[0]:.4g} to {interval[1]:.4g}"
    return made


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
