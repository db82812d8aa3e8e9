"""Words: text made safe and visible, names of languages, addresses of pages."""
