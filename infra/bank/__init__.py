"""The sandbox bank: mock-bank as a process, its control plane, and the bridge that makes its mailbox signed callbacks.

Development and demonstration only; nothing of it is in the Lambda package.
"""
