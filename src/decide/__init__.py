"""Who gets what, and why: the action catalogue, eligibility, assignment, policy."""
