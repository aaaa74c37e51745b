"""The parts of service.yaml that are mappings of their own, one module per subject."""
