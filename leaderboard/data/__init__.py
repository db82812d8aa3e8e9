"""What all pages of a site are made from."""
