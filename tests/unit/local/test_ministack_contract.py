"""Everything of MiniStack's that `visionml.local.internals` uses is where it was in 1.5.33."""

import importlib
import importlib.metadata
import inspect

import pytest

from visionml.local import ministack
from visionml.local.internals import stacks as internal_stacks
from visionml.local.internals.functions import WORKER_REPORT

_FUNCTIONS: dict[str, dict[str, list[str] | None]] = {
    "app": {
        "call_service_handler_sync": [
            "handler",
            "method",
            "path",
            "headers",
            "body",
            "query_params",
            "timeout",
        ],
        "app": ["scope", "receive", "send"],
        "_routing_params": ["method", "path", "headers", "body", "query_params"],
        "_dispatch_service_request": [
            "method",
            "path",
            "headers",
            "body",
            "query_params",
            "request_id",
        ],
    },
    "core.iam_actions": {
        "request_tag_context": ["service", "iam_action", "body", "params"],
        "identity_denial_message": ["action", "principal_arn", "resource", "explicit_deny"],
        "extract_iam_action": ["service", "method", "path", "headers", "body", "query_params"],
        "extract_resource_arn": [
            "service",
            "method",
            "path",
            "headers",
            "body",
            "query_params",
            "region",
            "account_id",
        ],
    },
    "core.iam_evaluator": {
        "enforce": [
            "access_key_id",
            "iam_action",
            "service",
            "region",
            "resource_arn",
            "service_context",
        ],
        "request_caller_arn": ["headers", "query_params"],
        "AuthError": None,
        "pin_request_origin": ["source_ip", "secure_transport"],
        "evaluate_resource_policy": None,
    },
    "core.responses": {
        "json_response": ["data", "status", "content_type"],
        "now_iso": None,
        "get_account_id": [],
        "get_region": [],
        "request_scope": ["account_id", "region"],
    },
    "core.router": {
        "extract_access_key_id": ["headers", "query_params"],
        "detect_service": ["method", "path", "headers", "query_params"],
    },
    "services.sts": {
        "register_session": ["access_key", "session"],
        "_role_id": ["role_arn"],
    },
    "services.iam": {
        "_gen_session_access_key": [],
        "_gen_secret": [],
        "_gen_session_token": [],
        "_gen_id": None,
        "_policy_exists": ["arn"],
        "_now": [],
    },
    "services.stepfunctions": {
        "_run_execution": ["exec_arn"],
        "_start_execution": ["data"],
        "_describe_execution": ["data"],
        "_get_execution_history": ["data"],
        "_stop_execution": ["data"],
        "_list_executions": ["data"],
        "_resolve_state_machine_arn": ["arn"],
        "_execute_task": ["state_def", "raw_input", "execution", "ctx"],
        "_add_event": ["execution", "event_type", "details"],
        "_invoke_resource": ["resource", "input_data"],
        "_invoke_resource_with_timeout": ["resource", "input_data", "timeout"],
        "_invoke_with_callback": ["resource", "input_data", "token", "state_def"],
        "_call_lambda": ["func_ref", "event"],
        "_run_distributed_map": [
            "state_def",
            "raw_input",
            "effective",
            "iterator",
            "execution",
            "ctx",
        ],
        "_read_map_items": ["reader", "effective", "ctx"],
        "_apply_jsonata_template": ["value", "raw_input", "ctx", "result", "error_output"],
        "_apply_jsonata_output": [
            "state_def",
            "raw_input",
            "ctx",
            "result",
            "error_output",
            "default",
        ],
        "_apply_state_assign": ["state_def", "raw_input", "ctx", "result", "error_output"],
        "_state_query_language": ["state_def", "ctx"],
        "_next_or_end": ["state_def"],
        "_emit_execution_status_event": ["execution"],
    },
    "services.cloudformation.stacks": {
        "_resolve_stack_outputs": [
            "outputs_defs",
            "conditions",
            "resources",
            "param_values",
            "mappings",
            "stack_name",
            "stack_id",
        ],
    },
    "services.cloudformation.changesets": {"_find_change_set": ["cs_name", "stack_name"]},
    "services.cloudformation.handlers": {"_p": ["params", "key", "default"]},
    "services.cloudformation.provisioners": {
        "_physical_name": ["stack_name", "logical_id", "lowercase", "max_len", "seeded"],
        "_cw_metric_alarm_record": ["name", "props"],
        "_sm_secret_string": ["props"],
    },
    "services.eventbridge": {
        "_put_events": ["data", "allow_aws_source"],
        "_parse_cron_fields": ["expr"],
        "_cron_next_fire": ["fields", "after_dt"],
        "_dispatch_event": ["event", "view"],
        "_invoke_target": ["target", "event", "rule", "view"],
    },
    "services.s3": {
        "_fire_s3_event": [
            "bucket_name",
            "key",
            "event_name",
            "size",
            "etag",
            "deletion_type",
            "restore_event_data",
            "version_id",
            "sequencer",
            "object_extra",
            "record_extra",
        ],
        "_put_bucket_encryption": ["name", "body"],
        "_delete_bucket_encryption": ["name"],
        "_put_bucket_lifecycle": ["name", "body"],
        "_delete_bucket_lifecycle": ["name"],
    },
    "services.sqs": {
        "_queue_by_arn": None,
        "queue_policy_allows": ["queue_arn", "service", "source_arn", "source_account"],
    },
    "services.dynamodb": {
        "_update_ttl": ["data"],
        "_update_continuous_backups": ["data"],
        "_sse_description_from_spec": ["spec"],
    },
    "services.secretsmanager": {
        "_resolve": ["secret_id", "use_arn_scope"],
        "_get_random_password": ["data"],
    },
    "services.kms": {
        "_resolve_key": ["key_id_or_arn"],
        "key_policy_for_arn": ["resource_arn"],
    },
    "services.cloudwatch": {
        "_store_datum": [
            "namespace",
            "name",
            "dims",
            "ts",
            "unit",
            "value",
            "values",
            "counts",
            "stat_values",
        ],
        "_parse_ts": ["value"],
        "_dims_key": ["dims"],
        "_calc_stats": ["points"],
        "_stat_value": ["stats", "stat_name", "points"],
        "_evaluate_alarm": ["alarm"],
        "_evaluate_all_alarms": [],
        "_evaluate_parent_alarms": ["child", "seen"],
        "_dispatch_alarm_actions": ["alarm", "old_state", "new_state", "reason"],
        "_record_history": None,
    },
    "services.apigateway_v1": {
        "handle_execute": [
            "api_id",
            "stage_name",
            "method",
            "path",
            "headers",
            "body",
            "query_params",
        ],
        "handle_request": ["method", "path", "headers", "body", "query_params"],
        "reset": [],
        "_build_api_export": [
            "api_id",
            "stage_name",
            "export_type",
            "include_integrations",
            "include_authorizers",
        ],
        "_execute_in_scope": [
            "request",
            "api_id",
            "stage_name",
            "method",
            "path",
            "headers",
            "body",
            "query_params",
            "owner_account_id",
            "owner_region",
        ],
        "_gateway_error_response": ["error", "request"],
        "_invoke_lambda_proxy_v1": [
            "integration",
            "api_id",
            "stage_name",
            "stage",
            "resource",
            "request_path",
            "method",
            "headers",
            "body",
            "query_params",
            "path_params",
            "owner_account_id",
            "owner_region",
            "binary_media_types",
            "authorizer_context",
            "caller_identity",
        ],
        "_resolve_api_key": ["value"],
        "_api_key_from_request": ["headers"],
        "_create_request_validator": ["api_id", "data"],
        "_update_request_validator": ["api_id", "validator_id", "data"],
        "_delete_request_validator": ["api_id", "validator_id"],
        "_update_method": ["api_id", "resource_id", "http_method", "data"],
        "_check_request_validation": [
            "method_obj",
            "api_id",
            "request",
            "headers",
            "body",
            "query_params",
        ],
    },
    "services.cloudwatch_logs": {
        "_append_log_events": ["stream", "events"],
        "_create_log_group": ["data"],
        "_create_log_stream": ["data"],
        "_put_log_events": ["data"],
    },
    "services.ssm": {
        "_put_parameter": ["data"],
        "_delete_parameter": ["data"],
        "_delete_parameters": ["data"],
        "_label_parameter_version": ["data"],
        "_lookup_parameter": ["name_or_arn", "allow_arn_region", "flexible_name"],
    },
    "services.athena": {
        "_ensure_default_workgroup": [],
        "_parse_ddl": ["query"],
        "_run_ddl": ["ddl", "database"],
        "_create_named_query": ["data"],
        "_delete_named_query": ["data"],
    },
    "services.glue": {
        "_create_table": ["data"],
        "_update_table": ["data"],
        "_batch_create_partition": ["data"],
    },
    "services.firehose": {
        "_deliver_records_to_s3": ["stream", "dest", "records"],
        "_apply_lambda_processors": [
            "stream",
            "dest",
            "records",
            "metadata_sink",
            "partition_sink",
        ],
        "_evaluate_prefix": ["template", "t", "query_keys", "lambda_keys", "error_type"],
        "_hive_to_duckdb_type": ["hive_type"],
    },
    "services.kinesis": {"_register_consumer": ["data"]},
    "services.ecr": {"_find_image": ["repo_name", "image_id"]},
    "services.lambda_svc": {
        "reset": [],
        "_execute_function_warm": ["func", "event", "request_id"],
        "_execute_function_docker": ["func", "event", "request_id"],
        "_execute_function_provided_warm": ["func", "event", "request_id"],
        "_poll_kinesis": [],
        "_sqs_esm_concurrency": ["esm", "func_rec", "config", "queue"],
        "_iter_all_esms": [],
        "_execute_function": ["func", "event"],
        "_execute_function_dispatch": ["func", "config", "event", "request_id", "started"],
        "_emit_lambda_metrics": ["function_name", "duration_ms", "error", "throttle"],
        "_apply_filter_criteria": ["records", "esm"],
        "_kinesis_stream_name_from_arn_spec": ["spec"],
        "_get_func_record_for_qualifier": ["name", "qualifier"],
    },
}

_REGISTRIES: dict[str, list[str]] = {
    "core.router": ["SERVICE_PATTERNS"],
    "core.iam_actions": ["SERVICE_TO_IAM_NAMESPACE"],
    "app": ["SERVICE_HANDLERS", "SERVICE_REGISTRY", "_loaded_modules"],
    "services.stepfunctions": [
        "_SERVICE_DISPATCH",
        "_AWS_SDK_SERVICE_MAP",
        "_AWS_SDK_ERROR_PREFIX",
    ],
    "services.cloudformation.handlers": ["_ACTION_HANDLERS"],
    "services.cloudformation.provisioners": [
        "_RESOURCE_HANDLERS",
        "_REPLACING_PROPERTIES",
        "_STACK_TAG_PROPERTY",
    ],
}


def _attribute(module: str, name: str) -> object:
    return getattr(importlib.import_module(f"ministack.{module}"), name)


def test_the_pinned_release_is_installed() -> None:
    assert importlib.metadata.version("ministack") == "1.5.33"


@pytest.mark.parametrize(
    ("module", "name", "parameters"),
    [(m, n, p) for m, functions in _FUNCTIONS.items() for n, p in functions.items()],
)
def test_a_function_has_the_parameters_that_we_pass(
    module: str, name: str, parameters: list[str] | None
) -> None:
    function = _attribute(module, name)
    assert callable(function)
    if parameters is not None:
        original = inspect.unwrap(function)
        assert list(inspect.signature(original).parameters) == parameters


@pytest.mark.parametrize(
    ("module", "name"), [(m, n) for m, names in _REGISTRIES.items() for n in names]
)
def test_a_registry_is_a_dictionary(module: str, name: str) -> None:
    assert isinstance(_attribute(module, name), dict)


def test_the_stores_that_we_read_and_write_exist() -> None:
    assert hasattr(_attribute("services.iam", "_users"), "__setitem__")
    assert hasattr(_attribute("services.athena", "_workgroups"), "get")
    assert hasattr(_attribute("services.cloudformation", "_stacks"), "get")
    assert hasattr(_attribute("services.athena", "_named_queries"), "keys")
    assert hasattr(_attribute("services.firehose", "_streams"), "__contains__")
    assert hasattr(_attribute("services.glue", "_databases"), "get")
    assert hasattr(_attribute("services.glue", "_tables"), "get")
    assert hasattr(_attribute("services.glue", "_partitions"), "get")
    assert hasattr(_attribute("services.glue", "_crawlers"), "get")
    assert hasattr(_attribute("services.iam", "_access_keys"), "__setitem__")
    assert hasattr(_attribute("services.iam", "_roles"), "get")
    assert hasattr(_attribute("services.sts", "_sessions"), "__contains__")
    assert hasattr(_attribute("services.cloudwatch", "_metrics"), "get")
    assert hasattr(_attribute("services.kinesis", "_streams"), "get")
    assert hasattr(_attribute("services.kinesis", "_consumers"), "pop")
    assert hasattr(_attribute("services.s3", "_bucket_encryption"), "get")
    assert hasattr(_attribute("services.sns", "_topics"), "get")
    assert hasattr(_attribute("services.sqs", "_queues"), "values")
    assert hasattr(_attribute("services.lambda_svc", "_esms"), "get")
    assert hasattr(_attribute("core.concurrency", "esm_wake"), "set")
    assert hasattr(_attribute("services.cloudwatch", "_alarms"), "get")
    assert hasattr(_attribute("services.cloudwatch", "_composite_alarms"), "get")
    assert hasattr(_attribute("services.apigateway_v1", "_rest_apis"), "get")
    assert hasattr(_attribute("services.cloudwatch_logs", "_log_groups"), "__contains__")
    assert hasattr(_attribute("services.stepfunctions", "_executions"), "get")
    assert hasattr(_attribute("services.stepfunctions", "_state_machines"), "get")
    assert hasattr(_attribute("services.stepfunctions", "_task_tokens"), "get")


def test_stacks_store_settings_of_buckets_by_a_table() -> None:
    table = _attribute("services.cloudformation.provisioners", "_S3_BUCKET_CONFIGURATIONS")
    assert isinstance(table, tuple)
    assert {len(entry) for entry in table} == {4}


def test_the_event_loop_and_the_enforcement_switch_exist() -> None:
    assert _attribute("app", "_MAIN_LOOP") is None
    assert isinstance(_attribute("app", "AUTH"), bool)


def test_authentication_failures_and_denials_are_told_apart() -> None:
    auth_error = _attribute("core.iam_evaluator", "AuthError")
    result = _attribute("core.iam_evaluator", "EvalResult")
    assert isinstance(auth_error, type)
    assert isinstance(result, type)
    assert auth_error("code", "message").message == "message"
    assert result("Deny").principal_arn == ""


def test_a_step_functions_error_carries_error_and_cause() -> None:
    error = ministack.execution_error("SageMaker.Boom", "it went")
    assert (error.error, error.cause) == ("SageMaker.Boom", "it went")  # type: ignore[attr-defined]


def test_stacks_ask_our_function_which_types_block() -> None:
    ministack.register_resource_type(
        "Test::Contract::Blocking",
        create=lambda logical_id, _properties, _stack: ministack.Provisioned(logical_id, {}),
        update=lambda physical_id, _old, _new, _stack: ministack.Provisioned(physical_id, {}),
        delete=lambda _physical_id, _properties: None,
        blocking=True,
    )
    assert list(inspect.signature(internal_stacks._own_runs_on_worker_thread).parameters) == [
        "resource_type"
    ]
    runs = _attribute("services.cloudformation.stacks", "_runs_on_worker_thread")
    assert callable(runs)
    assert runs("Test::Contract::Blocking") is True
    assert runs("AWS::S3::Bucket") is False
    assert runs("AWS::CloudFormation::CustomResource") is True


def test_generated_names_keep_to_the_length_asked_for() -> None:
    name = ministack.physical_name("a" * 80, "Endpoint", max_length=63)
    assert len(name) == 63


def test_the_worker_reports_an_exception_where_we_add_its_type() -> None:
    script = _attribute("core.lambda_runtime", "_PYTHON_WORKER_SCRIPT")
    assert isinstance(script, str)
    assert script.count(WORKER_REPORT) == 1
    worker = _attribute("core.lambda_runtime", "Worker")
    assert list(inspect.signature(worker.invoke).parameters)[:3] == [  # type: ignore[attr-defined]
        "self",
        "event",
        "request_id",
    ]


def test_a_custom_runtime_is_chosen_by_the_functions_runtime() -> None:
    choose = _attribute("core.lambda_runtime", "_worker_class_for")
    assert callable(choose)
    provided = _attribute("core.lambda_runtime", "ProvidedWorker")
    assert choose({"Runtime": "provided.al2023", "PackageType": "Image"}) is provided


def test_a_service_is_dispatched_by_its_signing_scope() -> None:
    detect = _attribute("core.router", "detect_service")
    assert callable(detect)
    headers = {
        "host": "localhost:4566",
        "authorization": "AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/sagemaker/aws4_request",
    }
    assert detect("POST", "/endpoints/x/invocations", headers, {}) == "sagemaker"
    assert detect("POST", "/", headers | {"x-amz-target": "SageMaker.ListModels"}, {}) == (
        "sagemaker"
    )
    batch = {**headers, "authorization": headers["authorization"].replace("sagemaker", "batch")}
    assert detect("GET", "/v1/tags/arn%3Aaws%3Abatch", batch, {}) == "batch"


def test_a_service_without_a_namespace_asks_iam_itself() -> None:
    extract = _attribute("core.iam_actions", "extract_iam_action")
    assert callable(extract)
    assert extract("a-service-of-ours", "POST", "/v1/submitjob", {}, b"{}", {}) is None
