"""One environment that satisfies every handler."""

VARIABLES = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_SERVICE_NAME": "visionml",
    "POWERTOOLS_METRICS_NAMESPACE": "VisionML",
    "LINEAGE_TABLE": "lineage",
    "MODELS_BUCKET": "models",
    "MODEL_PACKAGE_GROUP": "ml-pipeline-models",
    "RESOURCE_PREFIX": "ml-pipeline",
    "ENVIRONMENT": "local",
    "SERVING_IMAGE": "image:1",
    "ENDPOINT_NAME": "ml-pipeline-endpoint-local-us-east-1",
    "INSTANCE_TYPE": "ml.m5.large",
    "INSTANCE_COUNT": "1",
    "MINIMUM_ACCURACY": "0.95",
    "UPLOAD_LIMIT_BYTES": "10485760",
}
