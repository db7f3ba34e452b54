"""What one program says of itself: its files, its processes, its log."""
