"""What of a run goes into a paper: figures and tables as files, methods, model card, TRIPOD+AI."""
