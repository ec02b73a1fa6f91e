"""What a campaign earned: outcomes, lift, profit, sample ratio, verdict."""
