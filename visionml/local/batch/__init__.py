"""AWS Batch: queues, compute environments, and jobs that run as processes of this machine."""
