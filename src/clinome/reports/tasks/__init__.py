"""Pages of tasks with an experiment of their own: links of knowledge, clusters of patients."""
