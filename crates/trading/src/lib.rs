//! What a caller may ask of the exchange: the traits, and the behaviour suite that every shape must pass.
