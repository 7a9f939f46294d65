"""Leakage: what tells a model more than anybody knew when the prediction was made; nine checks of a study and its cohort."""
