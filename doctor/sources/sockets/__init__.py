"""Sockets: who listens, who may connect, what a stop takes away."""
