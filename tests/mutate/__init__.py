"""The gate that watches the gates: each named sabotage must turn a named test red, for the expected reason."""
