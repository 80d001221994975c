"""Application Auto Scaling for the variants of endpoints: targets, policies, schedules, deeds."""
