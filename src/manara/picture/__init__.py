"""The picture: tracks joined with what is said of them, with trails and attention."""
