"""What comes back: opt-outs, preferences, clicks, bounces, complaints."""
