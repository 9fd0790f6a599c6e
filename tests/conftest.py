"""What holds for all tests."""

from hypothesis import settings

# A busy machine breaks no promise, and a deadline for each example would be the assertion of a time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
