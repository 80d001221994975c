"""From report and artefact to a model package, a version and its lineage."""
