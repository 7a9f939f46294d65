"""The page of `clinome benchmark`: many studies, one table."""
