"""Search: nodes of the graph by symbol, old symbol, name or code, forgiving a typing mistake."""
