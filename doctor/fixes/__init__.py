"""How a fix is made, tested and taken back: the only room that changes the machine."""
