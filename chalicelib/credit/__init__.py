"""Credit lines: what is drawn, what interest runs, what a repayment pays first."""
