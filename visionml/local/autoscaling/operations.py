"""The operations of Application Auto Scaling."""

import uuid
from collections.abc import Callable, Sequence

from visionml.local.autoscaling import schedule, tracking
from visionml.local.autoscaling.core import (
    DIMENSION,
    NAMESPACE,
    Action,
    Activity,
    Policy,
    State,
    Target,
    Variant,
)
from visionml.local.autoscaling.deeds import Scaler
from visionml.local.refusals import Fault, not_offered
from visionml.local.sagemaker.core import Caller, Document

_SERVICE = "Application Auto Scaling"
_LINKED_ROLE = (
    "role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)


class Operations:
    """Does what requests ask, on the targets of one embedded AWS."""

    def __init__(self, state: State, scaler: Scaler) -> None:
        self._state = state
        self._scaler = scaler
        self.known: dict[str, Callable[[Caller, Document], Document]] = {
            "RegisterScalableTarget": self.register,
            "DeregisterScalableTarget": self.deregister,
            "DescribeScalableTargets": self.targets,
            "PutScalingPolicy": self.put_policy,
            "DeleteScalingPolicy": self.delete_policy,
            "DescribeScalingPolicies": self.policies,
            "PutScheduledAction": self.put_action,
            "DeleteScheduledAction": self.delete_action,
            "DescribeScheduledActions": self.actions,
            "DescribeScalingActivities": self.activities,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.tags,
        }

    def register(self, caller: Caller, request: Document) -> Document:
        """RegisterScalableTarget."""
        _check_kind(request)
        variant = Variant.of(request["ResourceId"])
        found = self._state.targets.get((caller.scope, request["ResourceId"]))
        low = request.get("MinCapacity", found.minimum if found else None)
        high = request.get("MaxCapacity", found.maximum if found else None)
        if low is None or high is None:
            raise Fault(
                "ValidationException", "MinCapacity and MaxCapacity must be specified at first."
            )
        if low > high:
            raise Fault(
                "ValidationException",
                f"Maximum capacity cannot be less than minimum capacity: {high} < {low}",
            )
        if self._scaler.around.describe(caller.scope, variant) is None:
            raise Fault(
                "ValidationException",
                f"SageMaker has no such endpoint variant: {request['ResourceId']}",
            )
        if found is None:
            found = self._new_target(caller, request, low, high)
        found.minimum, found.maximum = int(low), int(high)
        found.suspended.update(request.get("SuspendedState", {}))
        found.tags.update(request.get("Tags", {}))
        return {"ScalableTargetARN": found.arn}

    def _new_target(self, caller: Caller, request: Document, low: int, high: int) -> Target:
        scope = caller.scope
        where = f"application-autoscaling:{scope.region}:{scope.account}"
        target = Target(
            scope,
            request["ResourceId"],
            f"arn:aws:{where}:scalable-target/{uuid.uuid4().hex}",
            f"arn:aws:iam::{scope.account}:{_LINKED_ROLE}",
            int(low),
            int(high),
        )
        with self._state.lock:
            self._state.targets[(scope, target.resource_id)] = target
        return target

    def deregister(self, caller: Caller, request: Document) -> Document:
        """DeregisterScalableTarget; its policies, alarms and scheduled actions go with it."""
        target = self._target(caller, request)
        for policy in list(target.policies.values()):
            self._drop(target, policy)
        with self._state.lock:
            self._state.targets.pop((caller.scope, target.resource_id), None)
        return {}

    def targets(self, caller: Caller, request: Document) -> Document:
        """DescribeScalableTargets."""
        _check_kind(request)
        wanted = request.get("ResourceIds")
        return {
            "ScalableTargets": [
                {
                    **target.identity(),
                    "MinCapacity": target.minimum,
                    "MaxCapacity": target.maximum,
                    "RoleARN": target.role,
                    "CreationTime": target.created,
                    "ScalableTargetARN": target.arn,
                    "SuspendedState": {
                        f"{kind}Suspended": target.suspended.get(f"{kind}Suspended", False)
                        for kind in ("DynamicScalingIn", "DynamicScalingOut", "ScheduledScaling")
                    },
                }
                for target in self._state.of(caller.scope)
                if not wanted or target.resource_id in wanted
            ]
        }

    def put_policy(self, caller: Caller, request: Document) -> Document:
        """PutScalingPolicy: target tracking only."""
        target = self._target(caller, request)
        known = target.policies.get(request["PolicyName"])
        kind = request.get("PolicyType", "TargetTrackingScaling" if known else "StepScaling")
        if kind != "TargetTrackingScaling":
            raise not_offered(f"policies of the type {kind}", _SERVICE)
        config = request.get("TargetTrackingScalingPolicyConfiguration")
        if config is None:
            raise Fault(
                "ValidationException", "TargetTrackingScalingPolicyConfiguration must be specified."
            )
        metric = tracking.watched(config, target.variant)
        policy = known or _new_policy(target, request["PolicyName"], config)
        policy.config = config
        policy.alarm_arns = self._scaler.around.put_alarms(
            tracking.alarms(policy.arn, policy.high, policy.low, metric)
        )
        target.policies[policy.name] = policy
        return {"PolicyARN": policy.arn, "Alarms": _alarms(policy)}

    def delete_policy(self, caller: Caller, request: Document) -> Document:
        """DeleteScalingPolicy."""
        target = self._target(caller, request)
        policy = target.policies.get(request["PolicyName"])
        if policy is None:
            raise _missing("scaling policy", request["PolicyName"], target)
        self._drop(target, policy)
        return {}

    def _drop(self, target: Target, policy: Policy) -> None:
        target.policies.pop(policy.name, None)
        self._scaler.around.delete_alarms([policy.high, policy.low])

    def policies(self, caller: Caller, request: Document) -> Document:
        """DescribeScalingPolicies."""
        wanted = request.get("PolicyNames")
        return {
            "ScalingPolicies": [
                {
                    **target.identity(),
                    "PolicyARN": policy.arn,
                    "PolicyName": policy.name,
                    "PolicyType": "TargetTrackingScaling",
                    "TargetTrackingScalingPolicyConfiguration": policy.config,
                    "Alarms": _alarms(policy),
                    "CreationTime": policy.created,
                }
                for target in self._matching(caller, request)
                for policy in target.policies.values()
                if not wanted or policy.name in wanted
            ]
        }

    def put_action(self, caller: Caller, request: Document) -> Document:
        """PutScheduledAction."""
        target = self._target(caller, request)
        name = request["ScheduledActionName"]
        known = target.actions.get(name)
        merged = {**(known.request if known else {}), **request}
        if "Schedule" not in merged or not merged.get("ScalableTargetAction"):
            raise Fault(
                "ValidationException", "Schedule and ScalableTargetAction must be specified."
            )
        schedule.check(merged["Schedule"], merged.get("Timezone"))
        arn = known.arn if known else _arn(target, f"scheduledActionName/{name}", "scheduledAction")
        target.actions[name] = Action(name, arn, merged)
        return {}

    def delete_action(self, caller: Caller, request: Document) -> Document:
        """DeleteScheduledAction."""
        target = self._target(caller, request)
        name = request["ScheduledActionName"]
        if target.actions.pop(name, None) is None:
            raise _missing("scheduled action", name, target)
        return {}

    def actions(self, caller: Caller, request: Document) -> Document:
        """DescribeScheduledActions."""
        wanted = request.get("ScheduledActionNames")
        return {
            "ScheduledActions": [
                {
                    **action.request,
                    **target.identity(),
                    "ScheduledActionARN": action.arn,
                    "CreationTime": action.created,
                }
                for target in self._matching(caller, request)
                for action in target.actions.values()
                if not wanted or action.name in wanted
            ]
        }

    def activities(self, caller: Caller, request: Document) -> Document:
        """DescribeScalingActivities."""
        _check_kind(request)
        with_reasons = request.get("IncludeNotScaledActivities", False)
        past = self._state.past(caller.scope, request.get("ResourceId"))
        return {
            "ScalingActivities": [
                _activity(resource, activity)
                for resource, activity in past
                if with_reasons or not activity.not_scaled
            ]
        }

    def tag(self, caller: Caller, request: Document) -> Document:
        """TagResource."""
        self._tagged(caller, request).tags.update(request["Tags"])
        return {}

    def untag(self, caller: Caller, request: Document) -> Document:
        """UntagResource."""
        tags = self._tagged(caller, request).tags
        for key in request["TagKeys"]:
            tags.pop(key, None)
        return {}

    def tags(self, caller: Caller, request: Document) -> Document:
        """ListTagsForResource."""
        return {"Tags": dict(self._tagged(caller, request).tags)}

    def _tagged(self, caller: Caller, request: Document) -> Target:
        arn = request["ResourceARN"]
        for target in self._state.of(caller.scope):
            if target.arn == arn:
                return target
        raise Fault("ResourceNotFoundException", f"No scalable target found for ARN: {arn}")

    def _target(self, caller: Caller, request: Document) -> Target:
        _check_kind(request)
        return self._state.target(caller.scope, request["ResourceId"])

    def _matching(self, caller: Caller, request: Document) -> Sequence[Target]:
        _check_kind(request)
        wanted = request.get("ResourceId")
        return [t for t in self._state.of(caller.scope) if wanted in (None, t.resource_id)]


def _new_policy(target: Target, name: str, config: Document) -> Policy:
    stem, token = f"TargetTracking-{target.resource_id}", uuid.uuid4()
    return Policy(
        name,
        _arn(target, f"policyName/{name}", "scalingPolicy"),
        config,
        f"{stem}-AlarmHigh-{token}",
        f"{stem}-AlarmLow-{token}",
    )


def _arn(target: Target, name: str, kind: str) -> str:
    scope = target.scope
    return (
        f"arn:aws:autoscaling:{scope.region}:{scope.account}:{kind}:{uuid.uuid4()}:"
        f"resource/{NAMESPACE}/{target.resource_id}:{name}"
    )


def _alarms(policy: Policy) -> list[Document]:
    return [
        {"AlarmName": name, "AlarmARN": policy.alarm_arns.get(name, "")}
        for name in (policy.high, policy.low)
    ]


def _activity(resource_id: str, activity: Activity) -> Document:
    return {
        "ActivityId": activity.id,
        "ServiceNamespace": NAMESPACE,
        "ResourceId": resource_id,
        "ScalableDimension": DIMENSION,
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": activity.started,
        "EndTime": activity.ended,
        "StatusCode": activity.status,
        "StatusMessage": activity.message or None,
        "NotScaledReasons": activity.not_scaled or None,
    }


def _check_kind(request: Document) -> None:
    namespace = request["ServiceNamespace"]
    if namespace != NAMESPACE:
        raise not_offered(f"scaling of {namespace}", _SERVICE)
    if request.get("ScalableDimension", DIMENSION) != DIMENSION:
        raise not_offered(f"the dimension {request['ScalableDimension']}", _SERVICE)


def _missing(kind: str, name: str, target: Target) -> Fault:
    return Fault(
        "ObjectNotFoundException",
        f"No {kind} found for service namespace: {NAMESPACE}, resource ID: {target.resource_id}, "
        f"scalable dimension: {DIMENSION}, name: {name}",
    )
