"""What is estimated of customers: kinds, purchase, value, uplift, next products."""
