"""Quittance, a payment and settlement engine. Each package is a room; docs/ARCHITECTURE.md says who may know whom."""

import gc

# Importing makes some hundred thousand objects that stay for good, and a request makes few: looking for garbage every
# 700 of them is a tenth of a cold start.
gc.set_threshold(50_000, 20, 20)
