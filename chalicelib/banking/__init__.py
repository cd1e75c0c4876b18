"""Banking: parties with sealed bank details, banks and their callbacks, references, receipts, payouts."""
