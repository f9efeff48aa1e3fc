"""One partner's node: the order of the story stands in ``step.py``, one adapter per arrow in ``arrows``."""
