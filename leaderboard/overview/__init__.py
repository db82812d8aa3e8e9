"""All models on all tasks."""
