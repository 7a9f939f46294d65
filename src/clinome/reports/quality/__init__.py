"""The page of `clinome quality`: what is missing, impossible, duplicated, confounded, lost."""
