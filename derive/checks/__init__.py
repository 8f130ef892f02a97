"""The referee: torch against every claim. Importing it registers every observer and checker."""
