"""Tasks: one class for each kind of outcome; `models.base.task.TASKS` names them."""
