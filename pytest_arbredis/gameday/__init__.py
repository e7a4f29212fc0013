"""A game day: a topology that stays up while people break it from another terminal; recorded and reported."""
