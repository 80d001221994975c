"""The operations on model package groups and model packages."""

from visionml.local.sagemaker.core import Caller, Document, Listing, Scope, listed, tags_of
from visionml.local.sagemaker.faults import Fault, invalid, not_offered
from visionml.local.sagemaker.packages import Package, PackageGroup
from visionml.local.sagemaker.state import State

_GROUPS = Listing("ModelPackageGroupSummaryList", "ModelPackageGroupName")
_PACKAGES = Listing("ModelPackageSummaryList", "ModelPackageName")
_UPDATABLE = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)


def create_group(state: State, caller: Caller, request: Document) -> Document:
    """CreateModelPackageGroup."""
    name = request["ModelPackageGroupName"]
    arn = caller.scope.arn("model-package-group", name)
    group = PackageGroup(caller.scope, name, arn, request, tags=tags_of(request))
    group.facts["CreatedBy"] = _user(caller)
    if not state.groups.add(group):
        raise invalid(f"Model Package Group already exists: {arn}")
    return {"ModelPackageGroupArn": arn}


def describe_group(state: State, caller: Caller, request: Document) -> Document:
    """DescribeModelPackageGroup."""
    return _group(state, caller.scope, request["ModelPackageGroupName"]).described()


def list_groups(state: State, caller: Caller, request: Document) -> Document:
    """ListModelPackageGroups."""
    return _GROUPS.page(request, listed(state.groups.of(caller.scope)))


def delete_group(state: State, caller: Caller, request: Document) -> Document:
    """DeleteModelPackageGroup."""
    group = _group(state, caller.scope, request["ModelPackageGroupName"])
    if any(package.group == group.name for package in state.packages.of(caller.scope)):
        raise Fault(
            "ConflictException",
            f"Model Package Group {group.arn} cannot be deleted because it still contains Model "
            "Packages.",
        )
    state.groups.remove(group)
    return {}


def create_package(state: State, caller: Caller, request: Document) -> Document:
    """CreateModelPackage."""
    _offered(request)
    package = _new(state, caller, request)
    package.facts["CreatedBy"] = _user(caller)
    if not state.packages.add(package):
        raise invalid(f"Model Package already exists: {package.arn}")
    state.cloud.run(caller.scope, lambda: package.announce(state.cloud), name="package-event")
    return {"ModelPackageArn": package.arn}


def describe_package(state: State, caller: Caller, request: Document) -> Document:
    """DescribeModelPackage."""
    return _package(state, caller.scope, request["ModelPackageName"]).described()


def list_packages(state: State, caller: Caller, request: Document) -> Document:
    """ListModelPackages."""
    kind = request.get(
        "ModelPackageType", "Versioned" if "ModelPackageGroupName" in request else "Unversioned"
    )
    group = request.get("ModelPackageGroupName")
    name = _group(state, caller.scope, group).name if group else None
    status = request.get("ModelApprovalStatus")
    found = [
        package.described()
        for package in state.packages.of(caller.scope)
        if (name is None or package.group == name)
        and (kind == "Both" or (package.group is not None) == (kind == "Versioned"))
    ]
    kept = [each for each in found if status is None or each["ModelApprovalStatus"] == status]
    return _PACKAGES.page(request, kept)


def update_package(state: State, caller: Caller, request: Document) -> Document:
    """UpdateModelPackage."""
    package = _package(state, caller.scope, request["ModelPackageArn"])
    changes = {name: request[name] for name in _UPDATABLE if name in request}
    with package.lock:
        metadata = {
            **(package.described().get("CustomerMetadataProperties") or {}),
            **request.get("CustomerMetadataProperties", {}),
        }
        for key in request.get("CustomerMetadataPropertiesToRemove", []):
            metadata.pop(key, None)
        added = request.get("AdditionalInferenceSpecificationsToAdd", [])
        present = package.described().get("AdditionalInferenceSpecifications") or []
        package.learn(
            **changes,
            CustomerMetadataProperties=metadata or None,
            AdditionalInferenceSpecifications=[*present, *added] or None,
            LastModifiedBy=_user(caller),
        )
    state.cloud.run(caller.scope, lambda: package.announce(state.cloud), name="package-event")
    return {"ModelPackageArn": package.arn}


def delete_package(state: State, caller: Caller, request: Document) -> Document:
    """DeleteModelPackage."""
    state.packages.remove(_package(state, caller.scope, request["ModelPackageName"]))
    return {}


def container_of(state: State, scope: Scope, package_name: str) -> Document:
    """Return the container that a model package describes, as ``CreateModel`` would take it."""
    package = _package(state, scope, package_name)
    described = package.described()
    if package.group and described["ModelApprovalStatus"] != "Approved":
        raise invalid(f"Model Package {package.arn} is not approved for deployment.")
    containers = described.get("InferenceSpecification", {}).get("Containers", [])
    if len(containers) != 1:
        raise not_offered("models of packages that do not have exactly one container")
    kept = ("Image", "ModelDataUrl", "Environment")
    return {name: containers[0][name] for name in kept if name in containers[0]}


def _new(state: State, caller: Caller, request: Document) -> Package:
    group_name, name = request.get("ModelPackageGroupName"), request.get("ModelPackageName")
    if bool(group_name) == bool(name):
        raise invalid("Either ModelPackageGroupName or ModelPackageName must be given, not both.")
    tags = tags_of(request)
    if name:
        arn = caller.scope.arn("model-package", name)
        return Package(caller.scope, name, arn, request, tags=tags)
    if tags:
        raise invalid("Tags cannot be added to a versioned Model Package; tag its group.")
    group = _group(state, caller.scope, str(group_name))
    number = group.next_version()
    full = f"{group.name}/{number}"
    arn = caller.scope.arn("model-package", full)
    return Package(caller.scope, full, arn, request, group=group.name, version=number)


def _offered(request: Document) -> None:
    for member in ("ValidationSpecification", "SourceAlgorithmSpecification", "ManagedStorageType"):
        if request.get(member):
            raise not_offered(f"model packages with {member}")


def _group(state: State, scope: Scope, name_or_arn: str) -> PackageGroup:
    name = name_or_arn.rsplit("/", 1)[-1]
    group = state.groups.get(scope, name)
    if group is None:
        arn = scope.arn("model-package-group", name)
        raise invalid(f"ModelPackageGroup {arn} does not exist.")
    return group


def _package(state: State, scope: Scope, name_or_arn: str) -> Package:
    arn = name_or_arn if name_or_arn.startswith("arn:") else scope.arn("model-package", name_or_arn)
    package = state.packages.by_arn(arn)
    if package is None:
        raise invalid(f"ModelPackage {arn} does not exist.")
    return package


def _user(caller: Caller) -> Document:
    return {"IamIdentity": {"Arn": caller.arn, "PrincipalId": caller.access_key}}
