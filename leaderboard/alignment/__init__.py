"""Pages of alignment metrics, layer by layer and beside measured scores."""
