"""What the notebooks import: data, settings, throw-away servers. The lesson itself is in the cells."""
