"""Commands that span capabilities: opening and funding a trade, lending into it, settling it, paying it out."""
