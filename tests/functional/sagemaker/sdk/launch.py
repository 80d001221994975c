"""Trains a script with SageMaker's high-level SDK: ``launch.py IMAGE ROLE BUCKET CHANNEL``."""

import json
import sys
from pathlib import Path

from sagemaker.core.helper.session_helper import Session
from sagemaker.core.training.configs import (
    Compute,
    InputData,
    OutputDataConfig,
    SourceCode,
    StoppingCondition,
)
from sagemaker.train import ModelTrainer

image, role, bucket, channel = sys.argv[1:]
trainer = ModelTrainer(
    sagemaker_session=Session(default_bucket=bucket),
    role=role,
    training_image=image,
    base_job_name="sdk",
    source_code=SourceCode(
        source_dir=str(Path(__file__).with_name("source")), entry_script="mine.py"
    ),
    compute=Compute(
        instance_type="ml.m5.large", instance_count=1, enable_managed_spot_training=True
    ),
    stopping_condition=StoppingCondition(max_runtime_in_seconds=60, max_wait_time_in_seconds=60),
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/sdk"),
    input_data_config=[InputData(channel_name="train", data_source=channel)],
    hyperparameters={"epochs": 2},
)
trainer.train(wait=False, logs=False)
job = trainer._latest_training_job
job.wait(poll=1, logs=True)
told = {"job": job.training_job_name, "model": job.model_artifacts.s3_model_artifacts}
sys.stdout.write(f"\n{json.dumps(told)}\n")
