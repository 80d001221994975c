"""Report and artefact become a model package, a version record and lineage."""

from datetime import UTC, datetime

from pydantic import JsonValue, ValidationError

from visionml.aws.packages import Approval, PackageSpec
from visionml.contracts.evaluation import EvaluationReport
from visionml.contracts.lineage import Edge, dataset_node, model_node, run_node
from visionml.contracts.registry import VersionRecord
from visionml.contracts.training import RegisteredModel, RegistrationRequest
from visionml.errors import GateFailed, InvalidInput, NotFound
from visionml.registry import card
from visionml.registry.lineage import Lineage
from visionml.registry.ports import ObjectStore, PackageGroup
from visionml.registry.versions import Versions

CONTENT_TYPES = ("image/jpeg", "image/png", "image/webp")


class Registry:
    """One model package group with its version records and its lineage.

    `approval` is what new packages begin with.
    """

    def __init__(
        self,
        *,
        group: str,
        packages: PackageGroup,
        versions: Versions,
        lineage: Lineage,
        objects: ObjectStore,
        approval: Approval = "Approved",
    ) -> None:
        self._group = group
        self._approval = approval
        self._packages = packages
        self._versions = versions
        self._lineage = lineage
        self._objects = objects

    def register(self, wanted: RegistrationRequest, *, image: str) -> RegisteredModel:
        """Register a run's model; the same run again answers the same package.

        The version record is written last: a version that can be read is complete.

        Raises
        ------
        GateFailed
            The verdict did not pass.
        NotFound
            The artefact or the report is gone.
        InvalidInput
            The report is not one, or is not about this run's model.
        """
        version = wanted.request.run_id
        if not wanted.verdict.passed:
            raise GateFailed(f"{version} may not be registered: {wanted.verdict.reason}")
        report = self._report(wanted)
        record = self._versions.find(version)
        if record is None:
            record = VersionRecord(
                version=version,
                model_package_arn=self._package(wanted, report, image=image),
                artefact=wanted.artefact_s3_uri,
                image=image,
                metrics=figures(report),
                recommended=wanted.verdict.recommended,
                dataset=report.dataset,
                dataset_version=report.dataset_version,
                created=datetime.now(UTC),
            )
        self._record(record, report)
        stored = self._versions.write(record)
        return RegisteredModel(
            model_version=stored.version, model_package_arn=stored.model_package_arn
        )

    def _report(self, wanted: RegistrationRequest) -> EvaluationReport:
        request = wanted.request
        if not self._objects.exists(wanted.artefact_s3_uri):
            raise NotFound(
                f"The model of {request.run_id} is gone: there is no {wanted.artefact_s3_uri}.",
                hint="Train again under a new run id.",
            )
        report = read_report(self._objects, wanted.evaluation_s3_uri)
        about = (report.model_version, report.dataset, report.dataset_version)
        if about != (request.run_id, request.dataset, request.dataset_version):
            raise InvalidInput(
                f"{wanted.evaluation_s3_uri} is about {report.model_version} on "
                f"{report.dataset}@{report.dataset_version}, not about {request.run_id} on "
                f"{request.dataset}@{request.dataset_version}.",
                hint="Give the report of the run itself.",
            )
        return report

    def _package(self, wanted: RegistrationRequest, report: EvaluationReport, *, image: str) -> str:
        request = wanted.request
        dataset = self._lineage.find(dataset_node(request.dataset, request.dataset_version))
        facts = dataset.facts if dataset else None
        return self._packages.create(
            self._group,
            PackageSpec(
                description=f"{request.architecture} on {request.dataset}: "
                f"holdout accuracy {report.accuracy:.4f}",
                image=image,
                artefact=wanted.artefact_s3_uri,
                report=wanted.evaluation_s3_uri,
                approval=self._approval,
                properties={
                    "run_id": request.run_id,
                    "dataset": request.dataset,
                    "dataset_version": request.dataset_version,
                    "architecture": request.architecture,
                    "accuracy": f"{report.accuracy:.6f}",
                    "recommended": str(wanted.verdict.recommended).lower(),
                },
                content_types=CONTENT_TYPES,
                token=request.run_id,
                card=card.content(wanted, report, image=image, dataset=facts),
            ),
        )

    def _record(self, record: VersionRecord, report: EvaluationReport) -> None:
        metrics: dict[str, JsonValue] = dict(record.metrics)
        comparison = report.comparison.model_dump(mode="json") if report.comparison else None
        model = model_node(record.version)
        if self._lineage.find(model) is None:
            self._lineage.update(
                model,
                status="registered",
                facts={
                    "version": record.version,
                    "model_package_arn": record.model_package_arn,
                    "artefact": record.artefact,
                    "image": record.image,
                    "metrics": metrics,
                    "recommended": record.recommended,
                    "comparison": comparison,
                },
            )
        self._lineage.link(Edge(source=run_node(record.version), relation="produced", target=model))


def read_report(objects: ObjectStore, address: str) -> EvaluationReport:
    """Return the evaluation report at an ``s3://`` URI.

    Raises
    ------
    NotFound
        There is nothing.
    InvalidInput
        It is not an evaluation report.
    """
    try:
        return EvaluationReport.model_validate(objects.read_json(address))
    except ValidationError as error:
        raise InvalidInput(
            f"{address} is not an evaluation report: {error.error_count()} faults, the first at "
            f"{'.'.join(map(str, error.errors()[0]['loc']))}.",
            hint="Evaluate the model again.",
        ) from error


def figures(report: EvaluationReport) -> dict[str, float]:
    """Return the report's figures that a version's metadata carries: those that were measured."""
    worst = report.worst_class
    found = {
        "accuracy": report.accuracy,
        "macro_precision": report.macro_precision,
        "macro_recall": report.macro_recall,
        "macro_f1": report.macro_f1,
        "holdout_images": float(report.images),
        "images_per_second": report.images_per_second,
        "worst_class_recall": worst[1] if worst else None,
        "ece": report.calibration.ece if report.calibration else None,
        "roc_auc": report.roc_auc.macro if report.roc_auc else None,
        "latency_p50_ms": report.latency_ms.p50 if report.latency_ms else None,
        "latency_p99_ms": report.latency_ms.p99 if report.latency_ms else None,
        "threshold": report.threshold.value if report.threshold else None,
    }
    return {name: value for name, value in found.items() if value is not None}
