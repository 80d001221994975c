"""The CDK app's entry point, the environments and the container images."""
