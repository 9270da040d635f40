"""The one place that builds objects and starts tasks."""
