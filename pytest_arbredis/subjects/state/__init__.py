"""The pieces of the state layer, hardened or with a hardening left out, as subjects of drills."""
