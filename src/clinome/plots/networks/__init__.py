"""Networks: where nodes stand, what kinds look like, and the picture."""
