"""Cursor on Target: XML and TAK protobuf in, XML out. What a receiver connects to it is beyond us."""

from manara.feeds.cot.formats import FORMATS

__all__ = ["FORMATS"]
