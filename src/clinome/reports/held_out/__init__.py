"""What held-out predictions look like, one kind of outcome after the other."""
