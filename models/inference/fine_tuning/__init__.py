"""Fine-tuning: a saved linear model drawn to few labelled patients of another cohort."""
