"""The page of a clustering study."""
