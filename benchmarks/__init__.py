"""What ``make bench`` measures; results go to ``runs/bench``."""
