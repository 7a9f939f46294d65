"""Files as tables of text, with a ledger of every row: what all formats share."""
