"""The referee: torch against every claim. Importing `derive.checks.judges` registers every observer and checker."""
