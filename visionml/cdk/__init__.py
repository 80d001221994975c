"""The infrastructure as code: stacks compose units; ``synth.synthesise`` writes the templates."""
