"""A page a task; what it finds is what every other page shows of that task."""
