"""Exchange credentials: encrypted before they leave the process, shown to nobody who does not ask for them."""
