"""Whether answers take as long with 300,000 entries as with 1,000."""
