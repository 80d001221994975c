"""A production vision ML platform on AWS, from the image to the guarded rollout."""
