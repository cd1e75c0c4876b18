"""Bank message formats: bytes to frozen dataclasses and back.

Pure: it reads no clock, no file and no network, and knows nothing of tenants or books. `detect.read` takes any message
a bank sends; `camt.prove` says whether a statement's figures hold; `pain001.write` makes a payment file. What a message
means for the books is decided elsewhere (`chalicelib.banking`, `chalicelib.recon`, `chalicelib.settlement`).
"""
