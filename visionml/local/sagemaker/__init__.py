"""Amazon SageMaker of the embedded AWS: jobs and endpoints are real operating-system processes."""
