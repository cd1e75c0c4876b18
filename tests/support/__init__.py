"""What the tests stand on: local servers, builders, strategies."""

from hypothesis import settings

# No deadline: a property fails for what it finds, not for how busy the machine is. A failure prints how to repeat it.
settings.register_profile("quittance", deadline=None, print_blob=True)
settings.load_profile("quittance")
