"""Data quality: what a careful statistician wants to know of a study's data before anything is learnt from them."""
