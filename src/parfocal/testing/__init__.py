"""What tests need and nothing at runtime imports: a clock that is set by hand, services that misbehave."""
