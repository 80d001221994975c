"""What crosses a boundary: settings, names, keys, events, records, handler environments."""
