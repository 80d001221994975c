"""Athena, Glue's crawlers and Firehose, as they act: on objects, under roles, within limits."""
