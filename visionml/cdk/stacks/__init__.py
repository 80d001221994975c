"""One CloudFormation stack a module: it composes units, grants and outputs."""
